"""`hygge show FLOW`."""

from __future__ import annotations

from typing import Annotated

import typer


def show(
    ctx: typer.Context,
    flow: Annotated[str, typer.Argument(help="The flow's name.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show a flow with all its settings and the origin of each; secrets are masked."""
    import json

    from hygge.cli.projects import load_project, tell_elsewhere
    from hygge.console.output import standard_error, standard_output
    from hygge.console.show import settings_fields, show_settings
    from hygge.project.origins import show_flow

    given = ctx.obj
    project = load_project(given)
    project.require([flow])
    settings = show_flow(project, flow)
    tell_elsewhere(project, standard_error(given.color))
    output = standard_output(given.color)
    if as_json:
        fields = {"flow": flow, "env": project.env, "settings": settings_fields(settings)}
        output.line(json.dumps(fields, indent=2))
        return
    output.line(f"# {project.flows[flow].file}" + (f" with {given.env}" if given.env else ""))
    show_settings(settings, output)
