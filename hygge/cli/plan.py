"""`hygge plan [FLOW…]`: what `go` would do."""

from __future__ import annotations

from typing import Annotated

import typer

_Names = Annotated[list[str] | None, typer.Argument(metavar="FLOW", help="Flows; globs work.")]
_Env = Annotated[str | None, typer.Option("--env", help="Overlay environments/NAME.yml.")]
_FullRefresh = Annotated[
    bool, typer.Option("--full-refresh", help="As if all stores were to be replaced.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def plan(
    ctx: typer.Context,
    names: _Names = None,
    *,
    env: _Env = None,
    full_refresh: _FullRefresh = False,
    as_json: _Json = False,
) -> None:
    """Show what `go` would do: from where, each column's types, and what would be replaced.

    Asks homes and stores what they hold; reads no rows and writes nothing. Exit code 1 when a
    move would fail.
    """
    from hygge.console.output import standard_output
    from hygge.console.planned import show_preview, show_rest, write_previews
    from hygge.plan import Selection, make_plan
    from hygge.planning import previews
    from hygge.project import Project, find_root

    given = ctx.obj
    root = find_root(given.directory)
    project = Project.load(root, env=env or given.env, env_file=given.env_file)
    made = make_plan(project, Selection(flows=tuple(names or ())), full_refresh=full_refresh)
    output = standard_output(given.color)
    found = []
    for preview in previews(made, full_refresh=full_refresh):
        found.append(preview)
        if not as_json:
            show_preview(preview, output)
    show = write_previews if as_json else show_rest
    show(made, found, output)
    output.raise_if_lost()
    is_bad = made.unplanned or any(one.failure is not None for one in found)
    raise typer.Exit(1 if is_bad else 0)
