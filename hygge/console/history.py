"""Output of `hygge history`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from hygge.console.output import Output
from hygge.console.suggested_commands import with_options
from hygge.console.table import Column, show_table
from hygge.console.text import clean, clean_lines, count, duration, move_name, size
from hygge.journal.journal import MoveRow, RunRow
from hygge.values.model import BY_HAND, Receipt
from hygge.values.plurals import plural
from hygge.values.receipts import dump_receipt

N = TypeVar("N", int, float)

_STYLES = {
    "committed": ("green",),
    "ok": ("green",),
    "failed": ("red",),
    "unknown": ("red",),
    "crashed": ("red",),
}


def show_runs(
    runs: Sequence[RunRow],
    output: Output,
    *,
    receipts: bool = False,
    is_full: bool = False,
    is_chosen: bool = False,
) -> None:
    """Print each run with its moves, newest first.

    With `receipts` also each move's receipt; with `is_full` also its notes and hint. `is_chosen`
    means that there may be other runs.
    """
    if not runs:
        output.line(f"no {'such ' if is_chosen else ''}run in the history of this machine")
    for run in runs:
        _show_run(run, output, receipts=receipts, is_full=is_full)


def _show_run(run: RunRow, output: Output, *, receipts: bool, is_full: bool) -> None:
    state = output.paint(run.state, *_STYLES.get(run.state, ("yellow",)))
    parts = [f"{clean(run.started_at[:19])}Z", clean(run.run_id), state]
    parts.append(plural(len(run.moves), "move"))
    parts += [] if run.seconds is None else [duration(run.seconds)]
    parts += [] if run.env is None else [f"environment {clean(run.env)}"]
    parts += [clean(shlex.join(run.options))] if run.options else []
    output.line("  ".join(parts))
    if run.moves:
        show_table(_columns(run.moves), output)
    for move in run.moves:
        if move.message and move.state != "committed":
            name = move_name(move.flow, move.entity)
            output.line(f"  {name} [{move.code}]: {clean_lines(move.message, ' ' * 4)}")
        for note in move.notes:
            if is_full or note.startswith(BY_HAND):
                output.line(f"  {move_name(move.flow, move.entity)}: {clean(note)}")
        if is_full and move.hint and move.state != "committed":
            hint = clean_lines(with_options(move.hint), " " * 10)
            output.line(f"    {output.paint('help:', 'cyan')} {hint}")
        if receipts and move.state == "committed":
            _show_receipt(move, output)
    output.line()


def _show_receipt(move: MoveRow, output: Output) -> None:
    receipt = move.receipt
    name = f"  {move_name(move.flow, move.entity)}, commit {_number(move.seq)}:"
    if receipt is None:
        output.line(output.fold(f"{name} has no receipt"))
        return
    output.line(output.fold(f"{name} {plural(receipt.rows, 'row')} read, staged and counted"))
    if receipt.columns:
        show_table(_figures(receipt), output, indent="    ")
    if receipt.left_out:
        output.line(f"    {plural(receipt.left_out, 'more column')} not shown")


def _figures(receipt: Receipt) -> list[Column]:
    def shown(texts: Iterable[str | None]) -> list[str]:
        return ["–" if text is None else clean(text) for text in texts]

    columns = receipt.columns
    return [
        Column("column", [clean(one.name) for one in columns], shrinks=True),
        Column("nulls", [count(one.nulls) for one in columns], right=True),
        Column("min", shown(one.min for one in columns), right=True, shrinks=True),
        Column("max", shown(one.max for one in columns), right=True, shrinks=True),
        Column("sum", shown(one.sum for one in columns), right=True, shrinks=True, drop=1),
    ]


def _columns(moves: Sequence[MoveRow]) -> list[Column]:
    names = [move_name(move.flow, move.entity) for move in moves]
    return [
        Column("move", names, shrinks=True),
        Column("from", [clean(move.home or "–") for move in moves], shrinks=True, drop=5),
        Column("to", [clean(move.store or "–") for move in moves], shrinks=True, drop=6),
        Column("mode", [move.mode or "–" for move in moves], drop=7),
        Column("commit", [_number(move.seq) for move in moves], right=True, drop=1),
        Column("rows", [_number(move.rows) for move in moves], right=True),
        Column("size", [_shown(move.bytes, size) for move in moves], right=True, drop=3),
        Column("time", [_shown(move.seconds, duration) for move in moves], right=True, drop=2),
        Column("attempts", [_number(move.attempts) for move in moves], right=True, drop=4),
        Column("result", [move.state for move in moves], paint=lambda c: _STYLES.get(c, ())),
    ]


def _number(value: int | None) -> str:
    return _shown(value, count)


def _shown(value: N | None, show: Callable[[N], str]) -> str:
    return "–" if value is None else show(value)


def write_runs(runs: Sequence[RunRow], output: Output) -> None:
    """Write the runs as one JSON list, each move with its receipt."""
    output.line(json.dumps([_values(run) for run in runs], indent=1))


def _values(run: RunRow) -> dict[str, Any]:
    values = asdict(run)
    for move, shown in zip(run.moves, values["moves"], strict=True):
        shown["receipt"] = None if move.receipt is None else dump_receipt(move.receipt)
    return values
