"""`hygge state show|set|clear`: up to where flows have moved, and changing that by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygge.cli.global_options import Globals
    from hygge.engine.plan import Plan
    from hygge.operations.state import Position
    from hygge.project import Project
    from hygge.values.model import Outcome

state = typer.Typer(help="Show or set the watermarks of flows.", no_args_is_help=True)

_Flow = Annotated[str, typer.Argument(help="The flow's name.")]
_Entity = Annotated[list[str] | None, typer.Option("--entity", help="Only these entities.")]
_DryRun = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Show what would change and change nothing.")
]
_Allow = Annotated[
    bool, typer.Option("--allow-protected", help="Allow it in a protected environment.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@state.command("show")
def show_state(
    ctx: typer.Context,
    flow: Annotated[str | None, typer.Argument(help="Only this flow; globs are allowed.")] = None,
    *,
    entity: _Entity = None,
    as_json: _Json = False,
) -> None:
    """Show the newest commit and the watermark of each entity, as the stores have them."""
    from hygge.console.output import standard_output
    from hygge.console.state import show_commits, write_commits
    from hygge.operations.state import last_commit

    plan = _plan(ctx.obj, flow, entity or ())
    found = [(move, last_commit(move, plan.context)) for move in plan.moves]
    (write_commits if as_json else show_commits)(found, standard_output(ctx.obj.color))


@state.command("set")
def set_state(
    ctx: typer.Context,
    flow: _Flow,
    value: Annotated[
        str | None, typer.Argument(help="The watermark value to continue from.")
    ] = None,
    *,
    back: Annotated[
        str | None,
        typer.Option(help="Go back by this much instead: 1d, 2h; 1000 for numbers."),
    ] = None,
    entity: _Entity = None,
    dry_run: _DryRun = False,
    allow_protected: _Allow = False,
    as_json: _Json = False,
) -> None:
    """Set the watermark from which the next move of an entity continues.

    Rows with exactly this value are moved too, except with  ties: closed  in the flow.
    """
    from hygge.errors import UsageError

    if (value is None) == (back is None):
        raise UsageError(
            "give either a value to continue from or --back, not both",
            hint="give one of them:  VALUE  or  --back 1d",
        )
    plan = _plan(ctx.obj, flow, entity or (), allow_protected or dry_run)
    if len(plan.moves) != 1:
        names = ", ".join(move.entity for move in plan.moves)
        wanted = value if back is None else f"--back {back}"
        raise UsageError(
            f"{flow} has several entities, and each has its own watermark: {names}",
            hint=f"hygge state set {flow} --entity {plan.moves[0].entity} {wanted}",
        )
    _change(ctx.obj, plan, value, back, dry_run=dry_run, as_json=as_json)


@state.command("clear")
def clear_state(
    ctx: typer.Context,
    flow: _Flow,
    *,
    entity: _Entity = None,
    dry_run: _DryRun = False,
    allow_protected: _Allow = False,
    as_json: _Json = False,
) -> None:
    """Clear the watermarks of a flow: the next merge reads all rows; an append stops and asks."""
    plan = _plan(ctx.obj, flow, entity or (), allow_protected or dry_run)
    _change(ctx.obj, plan, None, None, dry_run=dry_run, as_json=as_json)


def _plan(
    given: Globals, flow: str | None, entities: Sequence[str], is_allowed: bool = True
) -> Plan:
    from hygge.cli.projects import load_project, tell_elsewhere
    from hygge.console.output import standard_error
    from hygge.engine.plan import Selection, make_plan

    project = load_project(given)
    if not is_allowed:
        _check_protected(project)
    flows = () if flow is None else (flow,)
    plan = make_plan(project, Selection(flows=flows, entities=tuple(entities)))
    tell_elsewhere(project, standard_error(given.color))
    for unplanned in plan.unplanned:
        raise unplanned.error
    return plan


def _check_protected(project: Project) -> None:
    from hygge.errors import UsageError

    if project.protected:
        where = f"environment '{project.env}'" if project.env else "this project"
        raise UsageError(
            f"{where} is protected, and this would change what its flows move; nothing was set",
            hint="check it with  --dry-run , and if it is right, add --allow-protected",
            code="HG221",
        )


def _change(
    given: Globals,
    plan: Plan,
    value: str | None,
    back: str | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    from hygge.console.output import standard_output
    from hygge.console.state import show_changes, write_changes
    from hygge.operations.state import position
    from hygge.values.model import Result

    positions = [position(move, plan.context, value, back) for move in plan.moves]
    outcomes = () if dry_run else _publish(given, plan, positions)
    (write_changes if as_json else show_changes)(positions, outcomes, standard_output(given.color))
    is_well = all(outcome.result is Result.OK for outcome in outcomes)
    raise typer.Exit(0 if is_well else 1)


def _publish(given: Globals, plan: Plan, positions: list[Position]) -> tuple[Outcome, ...]:
    from hygge.console.errors import show_warning
    from hygge.console.output import standard_error
    from hygge.console.progress.listeners import Listeners
    from hygge.journal.journal import Journal
    from hygge.operations.state import publish
    from hygge.runtime import eventlog

    notes = standard_error(given.color)
    with Journal.open(plan.context.root, lambda text: show_warning(text, notes)) as journal:
        return publish(positions, plan, Listeners(journal.listen, eventlog.listen).listen)
