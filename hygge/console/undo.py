"""Output of `hygge undo`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hygge.console.output import Output
from hygge.console.suggested_commands import with_options
from hygge.console.table import Column, show_table
from hygge.console.text import clean, clean_lines, count, move_name
from hygge.operations.undo import Outlook
from hygge.values.model import Commit, Failure, Result, RunFinished
from hygge.values.plurals import plural
from hygge.values.redact import redact


def show_outlooks(outlooks: Sequence[Outlook], output: Output) -> None:
    """Print what undo would do to each entity, or why it cannot."""
    _show_table(outlooks, output)
    for one in outlooks:
        if one.failure is not None:
            _show_failure(move_name(one.move.flow, one.move.entity), one.failure, output)
    show_unseen(outlooks, output)
    bad = sum(one.failure is not None for one in outlooks)
    if bad:
        output.line(f"{bad} of {plural(len(outlooks), 'move')} cannot be undone; nothing was")
    else:
        output.line(f"{plural(len(outlooks), 'move')} can be undone")


def show_unseen(outlooks: Sequence[Outlook], output: Output) -> None:
    """Print the entities for which changes by others cannot be detected."""
    for one in outlooks:
        if one.is_blind and one.back is not None:
            name = move_name(one.move.flow, one.move.entity)
            output.line(
                f"{name}: {_place(one)} cannot detect changes made by others since commit "
                f"{one.undoes} in the rows to be removed; they would be lost"
            )


def _show_table(outlooks: Sequence[Outlook], output: Output) -> None:
    good = [one for one in outlooks if one.back is not None]
    if not good:
        return
    show_table(
        [
            Column("move", [move_name(o.move.flow, o.move.entity) for o in good], shrinks=True),
            Column("in", [_place(one) for one in good], shrinks=True, drop=1),
            Column("reverts", [f"commit {one.undoes}" for one in good]),
            Column("rows now", [_rows(one.last) for one in good], right=True),
            Column("rows after", [_rows(one.back) for one in good], right=True),
            Column("continues from", [_mark(one.back) for one in good], shrinks=True),
        ],
        output,
    )
    output.line()


def _place(one: Outlook) -> str:
    return f"{clean(one.move.store_name)}/{clean(one.move.into)}"


def _rows(commit: Commit | None) -> str:
    return "–" if commit is None else count(commit.total_rows)


def _mark(commit: Commit | None) -> str:
    mark = None if commit is None else commit.watermark
    return "–" if mark is None else clean(f"{mark.column} {mark.value}")


def _show_failure(name: str, failure: Failure, output: Output) -> None:
    head = output.paint(f"{name} [{clean(failure.code)}]:", "red", "bold")
    output.line(f"{head} {clean_lines(redact(failure.message))}")
    if failure.hint:
        hint = clean_lines(with_options(redact(failure.hint)), " " * 8)
        output.line(f"  {output.paint('help:', 'cyan')} {hint}")
    output.line()


def show_undone(finished: RunFinished, outlooks: Sequence[Outlook], output: Output) -> None:
    """Print the outcome of each entity."""
    done = {(o.flow, o.entity) for o in finished.outcomes if o.result is Result.OK}
    _show_table([o for o in outlooks if (o.move.flow, o.move.entity) in done], output)
    for outcome in finished.outcomes:
        name = move_name(outcome.flow, outcome.entity)
        if outcome.failure is not None:
            _show_failure(name, outcome.failure, output)
        for note in outcome.notes:
            output.line(f"{name}: {clean_lines(redact(note))}")
    output.line(f"{len(done)} of {plural(len(finished.outcomes), 'move')} undone")


def write_outlooks(outlooks: Sequence[Outlook], output: Output) -> None:
    """Write what undo would do as one JSON object."""
    entities = [{**_fields(one), **_told(one.failure)} for one in outlooks]
    output.line(json.dumps({"run": None, "undone": False, "entities": entities}, indent=2))


def write_undone(finished: RunFinished, outlooks: Sequence[Outlook], output: Output) -> None:
    """Write the outcome of undo as one JSON object."""
    known = {(one.move.flow, one.move.entity): one for one in outlooks}
    entities = [
        {
            **_fields(known[outcome.flow, outcome.entity]),
            "result": outcome.result.value,
            "commit": outcome.seq,
            **_told(outcome.failure),
            "notes": [redact(note) for note in outcome.notes],
        }
        for outcome in finished.outcomes
    ]
    said: Mapping[str, Any] = {
        "run": finished.run_id,
        "undone": all(outcome.result is Result.OK for outcome in finished.outcomes),
        "entities": entities,
    }
    output.line(json.dumps(said, indent=2))


def _fields(one: Outlook) -> dict[str, Any]:
    back, mark = one.back, one.back and one.back.watermark
    return {
        "flow": one.move.flow,
        "entity": one.move.entity,
        "store": one.move.store_name,
        "into": one.move.into,
        "undoes": one.undoes,
        "rows_now": one.last and one.last.total_rows,
        "rows_after": back and back.total_rows,
        "sees_changes": not one.is_blind,
        "watermark": mark and {"column": mark.column, "value": mark.value},
    }


def _told(failure: Failure | None) -> dict[str, Any]:
    if failure is None:
        return {}
    hint = failure.hint and redact(failure.hint)
    return {"code": failure.code, "message": redact(failure.message), "hint": hint}
