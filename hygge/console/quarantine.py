"""Output of `hygge quarantine`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hygge.console.output import Output
from hygge.console.suggested_commands import with_options
from hygge.console.text import clean, move_name
from hygge.operations.quarantine import PutAside
from hygge.values.plurals import plural
from hygge.values.redact import redact, redact_values

_MOST_REASONS = 10
"""Lines for each file."""


def show_put_aside(found: Sequence[PutAside], root: Path, output: Output) -> None:
    """Print the rows and reasons of each file, and how to move the rows again."""
    for one in found:
        output.line(f"{output.paint(move_name(one.flow, one.entity), 'bold')}  {_run(one)}")
        for text in _lines(one):
            output.line(f"  {text}")
        output.line(f"  in {clean(str(one.path.relative_to(root)))}")
        output.line()
    rows = sum(one.rows for one in found)
    output.line(f"{plural(rows, 'row')} quarantined in {plural(len(found), 'file')}")
    appends = {one.flow for one in found if _appended(one)}
    for flow in dict.fromkeys(one.flow for one in found):
        if flow in appends:
            again = with_options(f"hygge go {clean(flow)}")
            way = f"{clean(flow)} appends: give the corrected rows to its home as new rows, then"
        else:
            again = with_options(f"hygge quarantine retry {clean(flow)}")
            way = "once the cause is fixed:"
        output.line(f"{way}  {output.paint(again, 'bold')}")


def _appended(one: PutAside) -> bool:
    """Return whether the run that quarantined the rows appended; false where that is unknown."""
    moves = one.run.moves if one.run is not None else ()
    return any((m.flow, m.entity, m.mode) == (one.flow, one.entity, "append") for m in moves)


def _run(one: PutAside) -> str:
    run = one.run
    if run is None:
        return f"run {clean(one.run_id)}"
    env = "" if run.env is None else f", environment {run.env}"
    return clean(f"run {one.run_id}, {run.started_at[:19]}Z, {run.state}{env}")


def _lines(one: PutAside) -> Iterator[str]:
    if one.problem is not None:
        yield f"this file cannot be read: {clean(redact(one.problem))}"
    for reason in one.reasons[:_MOST_REASONS]:
        by = "" if reason.column is None else f" by '{clean(reason.column)}'"
        yield f"{plural(reason.rows, 'row')}{by}: {clean(redact(reason.reason))}"
    more = one.reasons[_MOST_REASONS:]
    if more:
        rows = sum(reason.rows for reason in more)
        yield f"{plural(rows, 'row')} for {plural(len(more), 'other reason')} (--json lists all)"


def write_put_aside(found: Sequence[PutAside], root: Path, output: Output) -> None:
    """Write the quarantine as one JSON object."""
    files = [_fields(one, root) for one in found]
    rows = sum(one.rows for one in found)
    output.line(json.dumps(redact_values({"rows": rows, "files": files}), indent=1))


def _fields(one: PutAside, root: Path) -> dict[str, Any]:
    return {
        "flow": one.flow,
        "entity": one.entity,
        "run": one.run_id,
        "env": one.run and one.run.env,
        "started_at": one.run and one.run.started_at,
        "state": one.run and one.run.state,
        "file": str(one.path.relative_to(root)),
        "rows": one.rows,
        "problem": one.problem,
        "reasons": [asdict(reason) for reason in one.reasons],
    }
