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
    """Show a flow with everything resolved, and where each value comes from; secrets masked."""
    import json

    from hygge.console.flows import settings_fields, show_settings
    from hygge.console.output import standard_output
    from hygge.project import Project, find_root
    from hygge.project.origins import show_flow

    given = ctx.obj
    project = Project.load(find_root(given.directory), env=given.env, env_file=given.env_file)
    settings = show_flow(project, flow)
    output = standard_output(given.color)
    if as_json:
        fields = {"flow": flow, "env": project.env, "settings": settings_fields(settings)}
        output.line(json.dumps(fields, indent=2))
        return
    output.line(f"# {project.flows[flow].file}" + (f" with {given.env}" if given.env else ""))
    show_settings(settings, output)
