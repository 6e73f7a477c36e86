"""Output of `hygge go --dry-run`."""

from __future__ import annotations

import json

from hygge.console.output import Output
from hygge.console.table import Column, show_table
from hygge.console.text import clean, clean_lines
from hygge.engine.plan import Plan
from hygge.values.plurals import plural
from hygge.values.redact import redact


def show_plan(plan: Plan, output: Output) -> None:
    """Print a line for each planned move, and what could not be planned."""
    moves = plan.moves
    if moves:
        columns = [
            Column("flow", [clean(move.flow) for move in moves], shrinks=True),
            Column("entity", [clean(move.entity) for move in moves], shrinks=True),
            Column("from", [clean(move.home_name) for move in moves], shrinks=True, drop=1),
            Column("to", [clean(move.store_name) for move in moves], shrinks=True, drop=2),
            Column("into", [clean(move.into) for move in moves], shrinks=True),
            Column("mode", [move.settings.mode.value for move in moves], drop=3),
        ]
        show_table(columns, output)
        output.line()
    for unplanned in plan.unplanned:
        name = f"{clean(unplanned.flow)}/{clean(unplanned.pattern)}"
        head = output.paint(f"{name} [{unplanned.error.code}]:", "red", "bold")
        output.line(f"{head} {clean_lines(redact(unplanned.error.message))}")
        output.line(f"  {clean(unplanned.where)}   home {clean(unplanned.home_name)}\n")
    output.line(f"{plural(len(moves), 'move')} planned; nothing was moved")


def write_plan(plan: Plan, output: Output) -> None:
    """Write a JSON object for each planned move, and for what could not be planned."""
    for move in plan.moves:
        line = {
            "event": "move_planned",
            "flow": move.flow,
            "entity": move.entity,
            "into": move.into,
            "home": move.home_name,
            "store": move.store_name,
            "mode": move.settings.mode.value,
            "where": move.where,
        }
        output.line(json.dumps(line))
    for unplanned in plan.unplanned:
        line = {
            "event": "move_unplanned",
            "flow": unplanned.flow,
            "entity": unplanned.pattern,
            "code": unplanned.error.code,
            "message": redact(unplanned.error.message),
            "where": unplanned.where,
        }
        output.line(json.dumps(line))
