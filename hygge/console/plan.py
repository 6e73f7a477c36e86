"""Output of `hygge plan`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from hygge.console.output import Output
from hygge.console.suggested_commands import with_options
from hygge.console.table import Column, show_table
from hygge.console.text import clean, clean_lines, count
from hygge.engine.plan import Plan, Unplanned
from hygge.operations.preview import ColumnPath, Preview
from hygge.transform.schema_contract import table
from hygge.values.plurals import plural
from hygge.values.redact import redact, redact_values


def show_preview(preview: Preview, output: Output) -> None:
    """Print the preview of one entity."""
    move = preview.move
    name = output.paint(clean(f"{move.flow}/{move.entity}"), "bold")
    way = f"{move.home_name} → {move.store_name}, as {move.into}"
    output.line(f"{name}   {output.fold(clean(way))}   {move.settings.mode.value}")
    _fact("rows", _rows(preview), output)
    _fact("window", preview.window, output)
    _fact("guarantee", f"{preview.promise.level}: {preview.promise.why}", output)
    asked = move.settings.guarantee
    _fact("required", asked, output)
    for text in preview.destroys:
        _fact("destroys", text, output, "yellow")
    _fact("lock", "the home matches the lock file" if _fits(preview) else None, output)
    if preview.columns:
        _show_columns(preview.columns, output)
    if preview.left_out:
        _fact("left out", ", ".join(preview.left_out), output)
    for text in preview.notes:
        _fact("note", text, output)
    if preview.changes and preview.failure is None:
        output.line("  what differs from the store:")
        for line in table(preview.changes, "store", "home"):
            output.line(f"  {output.fold(clean(line))}")
    if preview.failure is not None:
        head = output.paint(f"  would fail [{preview.failure.code}]:", "red", "bold")
        output.line(f"{head} {clean_lines(redact(preview.failure.message))}")
        if preview.failure.hint:
            output.line(f"  help: {clean(with_options(redact(preview.failure.hint)))}")
    output.line()


def _rows(preview: Preview) -> str | None:
    if preview.rows is not None:
        return f"{count(preview.rows)} in the home"
    if preview.estimate is not None:
        return f"≈ {count(preview.estimate)} in the home, as its catalog estimates"
    return None


def _fits(preview: Preview) -> bool:
    return preview.is_locked and bool(preview.columns)


def _fact(name: str, text: str | None, output: Output, style: str | None = None) -> None:
    if text is not None:
        shown = output.fold(clean(redact(text)))
        output.line(f"  {name:<9} {output.paint(shown, style) if style else shown}")


def _show_columns(columns: Sequence[ColumnPath], output: Output) -> None:
    shown = [
        Column("column", [clean(one.name) for one in columns], shrinks=True),
        Column("home", [clean(one.home) for one in columns], shrinks=True),
        Column("moved", [clean(one.moved) for one in columns], shrinks=True, drop=1),
        Column("store", [clean(one.store) for one in columns], shrinks=True),
        Column("", [_way(one) for one in columns]),
    ]
    show_table(shown, output)


def _way(one: ColumnPath) -> str:
    """Return how a column is moved: its cast, its name in the home, its mask."""
    words = [f"masked by {one.mask}" if one.mask else one.how]
    if one.source not in (None, one.name):
        words.append(f"from {clean(str(one.source))}")
    return ", ".join(words)


def show_rest(plan: Plan, found: Sequence[Preview], output: Output) -> None:
    """Print what could not be planned, and the number of moves."""
    for unplanned in plan.unplanned:
        name = f"{clean(unplanned.flow)}/{clean(unplanned.pattern)}"
        head = output.paint(f"{name} [{unplanned.error.code}]:", "red", "bold")
        output.line(f"{head} {clean_lines(redact(unplanned.error.message))}\n")
    bad = sum(one.failure is not None for one in found) + len(plan.unplanned)
    verdict = f", {bad} would fail" if bad else ""
    output.line(f"{plural(len(found), 'move')} planned{verdict}; nothing was moved")


def write_previews(plan: Plan, found: Sequence[Preview], output: Output) -> None:
    """Write everything as one JSON object."""
    moves = [_values(one) for one in found]
    unplanned = [_unplanned(one) for one in plan.unplanned]
    values = redact_values({"moves": moves, "unplanned": unplanned})
    output.line(json.dumps(values, indent=1))


def _values(preview: Preview) -> dict[str, Any]:
    move, last = preview.move, preview.last
    failure = preview.failure
    return {
        "flow": move.flow,
        "entity": move.entity,
        "into": move.into,
        "home": move.home_name,
        "store": move.store_name,
        "mode": move.settings.mode.value,
        "where": move.where,
        "rows": preview.rows,
        "estimated_rows": preview.estimate,
        "window": preview.window,
        "promise": asdict(preview.promise),
        "guarantee": move.settings.guarantee,
        "last_commit": None if last is None else {"seq": last.seq, "total_rows": last.total_rows},
        "locked": preview.is_locked,
        "columns": [asdict(one) for one in preview.columns],
        "left_out": preview.left_out,
        "changes": [asdict(one) for one in preview.changes],
        "destroys": preview.destroys,
        "notes": list(preview.notes),
        "failure": None
        if failure is None
        else {"code": failure.code, "message": failure.message, "hint": failure.hint},
    }


def _unplanned(one: Unplanned) -> dict[str, Any]:
    return {
        "flow": one.flow,
        "entity": one.pattern,
        "where": one.where,
        "failure": {"code": one.error.code, "message": one.error.message, "hint": one.error.hint},
    }
