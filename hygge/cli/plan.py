"""`hygge plan [FLOW…]`: what `go` would do."""

from __future__ import annotations

from typing import Annotated

import typer

from hygge.cli.selection import (
    AcceptChanges,
    Adopt,
    AllowProtected,
    Backfill,
    Entity,
    Env,
    Exclude,
    Flow,
    From,
    FullRefresh,
    IntoScratch,
    Limit,
    Names,
    Tag,
    To,
    selection,
)

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def plan(
    ctx: typer.Context,
    names: Names = None,
    *,
    flow: Flow = None,
    tag: Tag = None,
    exclude: Exclude = None,
    entity: Entity = None,
    env: Env = None,
    full_refresh: FullRefresh = False,
    allow_protected: AllowProtected = False,
    backfill: Backfill = False,
    accept_changes: AcceptChanges = False,
    limit: Limit = None,
    into_scratch: IntoScratch = False,
    low: From = None,
    high: To = None,
    adopt: Adopt = False,
    as_json: _Json = False,
) -> None:
    """Show what `go` would do: rows, types of columns, what would be replaced.

    Connects to homes and stores, but reads no rows and writes nothing. Runs every check that `go`
    with the same options runs before its first row. Exits with 1 if a move would fail.
    """
    from hygge.cli.go_run import check_protected
    from hygge.cli.projects import tell_elsewhere
    from hygge.console.output import standard_error, standard_output
    from hygge.console.plan import show_preview, show_rest, write_previews
    from hygge.engine.plan import make_plan
    from hygge.operations.preview import previews
    from hygge.project import Project, find_root

    given = ctx.obj
    root = find_root(given.directory)
    project = Project.load(root, env=env or given.env, env_file=given.env_file)
    chosen = selection((*(names or ()), *(flow or ())), tag, exclude, entity)
    made = make_plan(
        project,
        chosen,
        adopt=adopt,
        full_refresh=full_refresh,
        limit=limit,
        again=None if low is None and high is None else (low, high),
        backfill=backfill,
        accepts=accept_changes,
        into_scratch=into_scratch,
    )
    output = standard_output(given.color)
    found = []
    for preview in previews(made):
        found.append(preview)
        if not as_json:
            show_preview(preview, output)
    show = write_previews if as_json else show_rest
    show(made, found, output)
    tell_elsewhere(project, standard_error(given.color))
    output.raise_if_lost()
    is_bad = made.unplanned or any(one.failure is not None for one in found)
    if not allow_protected:
        check_protected(project, made.manner, chosen.flows)
    raise typer.Exit(1 if is_bad else 0)
