"""Runs as the journal remembers them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from hygge.console.output import Output
from hygge.console.table import Column, show_table
from hygge.console.text import clean, clean_lines, count, duration, move_name
from hygge.journal import MoveRow, RunRow
from hygge.model import BY_HAND
from hygge.plurals import plural

_STYLES = {
    "committed": ("green",),
    "ok": ("green",),
    "failed": ("red",),
    "unknown": ("red",),
    "crashed": ("red",),
}


def show_runs(runs: Sequence[RunRow], output: Output) -> None:
    """Print each run with its moves, the newest first."""
    if not runs:
        output.line("no run is remembered here")
    for run in runs:
        _show_run(run, output)


def _show_run(run: RunRow, output: Output) -> None:
    state = output.paint(run.state, *_STYLES.get(run.state, ("yellow",)))
    took = "" if run.seconds is None else f"  {duration(run.seconds)}"
    moves = plural(len(run.moves), "move")
    output.line(f"{clean(run.started_at[:19])}Z  {clean(run.run_id)}  {state}  {moves}{took}")
    if run.moves:
        show_table(_columns(run.moves), output)
    for move in run.moves:
        if move.message and move.state != "committed":
            name = move_name(move.flow, move.entity)
            output.line(f"  {name} [{move.code}]: {clean_lines(move.message, ' ' * 4)}")
        for note in move.notes:
            if note.startswith(BY_HAND):
                output.line(f"  {move_name(move.flow, move.entity)}: {clean(note)}")
    output.line()


def _columns(moves: Sequence[MoveRow]) -> list[Column]:
    names = [move_name(move.flow, move.entity) for move in moves]
    return [
        Column("move", names, shrinks=True),
        Column("from", [clean(move.home or "–") for move in moves], shrinks=True, drop=2),
        Column("to", [clean(move.store or "–") for move in moves], shrinks=True, drop=3),
        Column("mode", [move.mode or "–" for move in moves], drop=4),
        Column("commit", [_number(move.seq) for move in moves], right=True, drop=1),
        Column("rows", [_number(move.rows) for move in moves], right=True),
        Column("result", [move.state for move in moves], paint=lambda c: _STYLES.get(c, ())),
    ]


def _number(value: int | None) -> str:
    return "–" if value is None else count(value)


def write_runs(runs: Sequence[RunRow], output: Output) -> None:
    """Write the runs as one JSON list."""
    output.line(json.dumps([asdict(run) for run in runs], indent=1))
