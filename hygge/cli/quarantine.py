"""`hygge quarantine show|retry`: the rows that flows have put aside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from hygge.cli.global_options import Globals
    from hygge.journal.journal import RunRow

quarantine = typer.Typer(help="Show quarantined rows, or move them again.", no_args_is_help=True)

_Entity = Annotated[list[str] | None, typer.Option("--entity", help="Only these entities.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_REMEMBERED = 1_000_000


@quarantine.command("show")
def show_quarantine(
    ctx: typer.Context,
    flow: Annotated[str | None, typer.Argument(help="Only this flow.")] = None,
    *,
    as_json: _Json = False,
) -> None:
    """Show the quarantined rows: run, number and reason."""
    from hygge.console.output import standard_output
    from hygge.console.quarantine import show_put_aside, write_put_aside
    from hygge.operations.quarantine import put_aside
    from hygge.project import find_root

    root = find_root(ctx.obj.directory)
    found = put_aside(root, _runs(root, ctx.obj), flow)
    (write_put_aside if as_json else show_put_aside)(found, root, standard_output(ctx.obj.color))


@quarantine.command("retry")
def retry_quarantine(
    ctx: typer.Context,
    flow: Annotated[str, typer.Argument(help="The flow's name.")],
    *,
    entity: _Entity = None,
) -> None:
    """Move the quarantined rows of a flow again, from the home.

    Fix the rows in the home, or the flow, first. A merge reads all rows of the home again; rows
    that still fail are quarantined again. The old files are moved to the folder  retried .
    """
    from hygge.cli.go_run import Failures, GoRun, Logs, Options
    from hygge.cli.projects import load_project
    from hygge.console.errors import show_note
    from hygge.console.output import standard_error
    from hygge.engine.plan import Selection, make_plan
    from hygge.operations.quarantine import (
        keep_as_retried,
        manner_of,
        of_environment,
        put_aside,
    )
    from hygge.values.model import Result

    given: Globals = ctx.obj
    project = load_project(given)
    plan = make_plan(project, Selection(flows=(flow,), entities=tuple(entity or ())))
    root = project.root
    known = {(move.flow, move.entity): move for move in plan.moves}
    found = of_environment(put_aside(root, _runs(root, given)), project.env)
    found = [one for one in found if (one.flow, one.entity) in known]
    if not found:
        show_note(f"{flow} has no quarantined rows", standard_error(given.color))
        return
    moves = [known[name] for name in dict.fromkeys((one.flow, one.entity) for one in found)]
    options = Options(
        env=given.env,
        concurrency=None,
        manner=manner_of(moves),
        is_allowed=False,
        failures=Failures(are_fatal=False, are_retried=False),
        progress="auto",
        logs=Logs(None, None, "text"),
    )
    going = GoRun(given, options)
    pairs = frozenset((move.flow, move.entity) for move in moves)
    code = going.move(Selection(flows=(flow,), pairs=pairs))
    outcomes = going.finished.outcomes if going.finished else ()
    well = {(one.flow, one.entity) for one in outcomes if one.result is Result.OK}
    keep_as_retried(root, [one for one in found if (one.flow, one.entity) in well])
    raise typer.Exit(code)


def _runs(root: Path, given: Globals) -> Mapping[str, RunRow]:
    from hygge.console.errors import show_warning
    from hygge.console.output import standard_error
    from hygge.journal.journal import Journal, Wanted

    notes = standard_error(given.color)
    with Journal.open(root, lambda text: show_warning(text, notes)) as journal:
        return {run.run_id: run for run in journal.runs(Wanted(limit=_REMEMBERED))}
