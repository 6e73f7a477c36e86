"""`hygge list`."""

from __future__ import annotations

from typing import Annotated

import typer


def listing(
    ctx: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the flows, homes and stores of the project."""
    import json

    from hygge.console.flows import project_fields, show_project
    from hygge.console.output import standard_output
    from hygge.project import Project, find_root

    given = ctx.obj
    project = Project.load(find_root(given.directory), env=given.env, env_file=given.env_file)
    output = standard_output(given.color)
    if as_json:
        output.line(json.dumps(project_fields(project), indent=2))
        return
    show_project(project, output)
