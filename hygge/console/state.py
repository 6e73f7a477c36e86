"""Output of `hygge state`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hygge.console.output import Output
from hygge.console.table import Column, show_table
from hygge.console.text import clean, clean_lines, count, move_name
from hygge.engine.plan import Move
from hygge.operations.state import Position
from hygge.settings.move import POSITIONS
from hygge.values.model import Commit, Outcome
from hygge.values.plurals import plural
from hygge.values.redact import redact

_FEW = 3
"""Up to so many positions are shown, and their number otherwise."""

Found = Sequence[tuple[Move, Commit | None]]


def show_commits(found: Found, output: Output) -> None:
    """Print a table of the newest commits."""
    known = [(move, commit) for move, commit in found if commit is not None]
    if known:
        commits = [commit for _, commit in known]
        show_table(
            [
                Column("move", [move_name(m.flow, m.entity) for m, _ in known], shrinks=True),
                Column("in", [clean(f"{m.store_name}/{m.into}") for m, _ in known], drop=1),
                Column("commit", [str(commit.seq) for commit in commits], right=True),
                Column("at", [f"{clean(c.committed_at[:19])}Z" for c in commits], drop=2),
                Column("rows", [count(commit.total_rows) for commit in commits], right=True),
                Column("moved up to", [_mark(m, c) for m, c in known], shrinks=True),
            ],
            output,
        )
    for move, commit in found:
        if commit is None:
            output.line(f"{move_name(move.flow, move.entity)}: nothing was moved yet")


def _mark(move: Move, commit: Commit) -> str:
    mark, positions = commit.watermark, commit.positions
    if mark is not None:
        return clean(f"{mark.column} = {mark.value}")
    if move.settings.incremental != POSITIONS:
        return plural(len(positions), "file") if positions else "–"
    if len(positions) > _FEW:
        return plural(len(positions), "position")
    return clean(", ".join(f"{name} = {value}" for name, value in positions.items())) or "–"


def write_commits(found: Found, output: Output) -> None:
    """Write the newest commits as one JSON object."""
    output.line(json.dumps({"entities": [_fields(move, commit) for move, commit in found]}))


def _fields(move: Move, commit: Commit | None) -> dict[str, object]:
    fields: dict[str, object] = {
        "flow": move.flow,
        "entity": move.entity,
        "store": move.store_name,
        "into": move.into,
    }
    if commit is None:
        return {**fields, "seq": None}
    mark = commit.watermark
    return {
        **fields,
        "seq": commit.seq,
        "run_id": commit.run_id,
        "committed_at": commit.committed_at,
        "total_rows": commit.total_rows,
        "watermark": mark and {"column": mark.column, "value": mark.value, "type": mark.type},
        "files": len(commit.positions),
    }


def show_changes(
    positions: Sequence[Position], outcomes: Sequence[Outcome], output: Output
) -> None:
    """Print the changes made, or, without outcomes, the planned ones."""
    for number, one in enumerate(positions):
        outcome = outcomes[number] if outcomes else None
        name = move_name(one.move.flow, one.move.entity)
        output.line(f"{name}: {clean(one.summary)}{_became(outcome)}")
        failure = outcome and outcome.failure
        if failure:
            output.line(f"  [{failure.code}] {clean_lines(redact(failure.message), ' ' * 4)}")
    if not outcomes:
        output.line("nothing was set (--dry-run)")


def _became(outcome: Outcome | None) -> str:
    if outcome is None:
        return ""
    return " failed" if outcome.failure else f" (commit {outcome.seq})"


def write_changes(
    positions: Sequence[Position], outcomes: Sequence[Outcome], output: Output
) -> None:
    """Write the changes, made or planned, as one JSON object."""
    entities = []
    for number, one in enumerate(positions):
        outcome = outcomes[number] if outcomes else None
        old, new = one.last.watermark, one.new
        entities.append(
            {
                "flow": one.move.flow,
                "entity": one.move.entity,
                "old": old and old.value,
                "new": new and new.value,
                "seq": outcome and outcome.seq,
                "error": outcome and outcome.failure and redact(outcome.failure.message),
            }
        )
    output.line(json.dumps({"dry_run": not outcomes, "entities": entities}))
