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

    from hygge.cli.projects import load_project, tell_elsewhere
    from hygge.console.output import standard_error, standard_output
    from hygge.console.show import project_fields, show_project

    given = ctx.obj
    project = load_project(given)
    output = standard_output(given.color)
    tell_elsewhere(project, standard_error(given.color))
    if as_json:
        output.line(json.dumps(project_fields(project), indent=2))
        return
    show_project(project, output)
