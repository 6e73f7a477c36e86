"""`hygge status`: whether flows ran when they should have, and well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hygge.cli.selection import Exclude, Names, Tag, selection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygge.cli.global_options import Globals
    from hygge.console.output import Output
    from hygge.operations.status import FlowStatus
    from hygge.project import Project

_Stores = Annotated[
    bool, typer.Option("--stores", help="Also ask the stores for their newest commits.")
]
_Notify = Annotated[
    bool,
    typer.Option("--notify", help="Report stale flows to the receivers of `notify` in hygge.yml."),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def status(
    ctx: typer.Context,
    names: Names = None,
    *,
    tag: Tag = None,
    exclude: Exclude = None,
    stores: _Stores = False,
    notify: _Notify = False,
    as_json: _Json = False,
) -> None:
    """Show when each flow last succeeded, and what is stale or failed.

    Ends with 0 where all is well and with 1 where a flow is stale (its `freshness`) or its newest
    run failed, so that monitoring can call it.
    """
    from datetime import UTC, datetime

    from hygge.cli.projects import load_project, tell_elsewhere
    from hygge.console.errors import show_warning
    from hygge.console.output import standard_error, standard_output
    from hygge.console.status import show_status, write_status
    from hygge.engine.plan import select_flows
    from hygge.journal.journal import Journal
    from hygge.operations.status import status_of

    given: Globals = ctx.obj
    project = load_project(given)
    notes, output = standard_error(given.color), standard_output(given.color)
    tell_elsewhere(project, notes)
    chosen = select_flows(project.flows, selection(names or (), tag, exclude, None))
    commits = _commits(project, chosen, notes) if stores else {}
    now = datetime.now(UTC)
    with Journal.open(project.context.root, lambda text: show_warning(text, notes)) as journal:
        found = [
            status_of(
                project.flows[name],
                journal.past_moves(name, given.env),
                now,
                {entity: at for (flow, entity), at in commits.items() if flow == name},
            )
            for name in chosen
        ]
    if as_json:
        write_status(found, output)
    else:
        show_status(found, output)
    if notify:
        _send(project, found, notes)
    raise typer.Exit(0 if all(one.is_well for one in found) else 1)


def _send(project: Project, found: Sequence[FlowStatus], notes: Output) -> None:
    """Send the messages about stale flows."""
    from hygge.console.errors import show_warning
    from hygge.operations.notify import Message, chosen, of_status, send

    items = of_status(found)
    messages = [
        (one, Message(project.name, project.env, wanted))
        for one in project.notify
        if (wanted := chosen(one, items))
    ]
    for problem in send(messages, project.root):
        show_warning(problem, notes)


def _commits(project: Project, names: Sequence[str], notes: Output) -> dict[tuple[str, str], str]:
    """Return the time of each entity's newest commit, read from the stores."""
    from hygge.console.errors import show_warning
    from hygge.engine.plan import Selection, make_plan
    from hygge.errors import HyggeError
    from hygge.operations.store_commits import last_commits

    try:
        plan = make_plan(project, Selection(flows=tuple(names)))
    except HyggeError as error:
        show_warning(f"the stores were not asked: {error.message}", notes)
        return {}
    return {(flow, entity): one.committed_at for flow, entity, _, one in last_commits(plan)}
