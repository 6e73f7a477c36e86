"""`hygge discover HOME [PATTERN]`: what a home holds."""

from __future__ import annotations

from typing import Annotated

import typer

_Home = Annotated[str, typer.Argument(help="Name of the home.")]
_Pattern = Annotated[str, typer.Argument(help="Only entities that match this glob.")]
_Columns = Annotated[bool, typer.Option("--columns", help="Also show columns and types.")]
_Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object that includes the columns.")
]


def discover(
    ctx: typer.Context,
    home: _Home,
    pattern: _Pattern = "*",
    *,
    columns: _Columns = False,
    as_json: _Json = False,
) -> None:
    """List the entities of a home with rows, keys and columns; moves nothing."""
    from hygge.cli.projects import load_project, tell_elsewhere
    from hygge.console.discover import show_survey, write_survey
    from hygge.console.errors import show_warning
    from hygge.console.output import standard_error, standard_output
    from hygge.operations.discover import survey

    given = ctx.obj
    project = load_project(given)
    found = survey(project.home(home).home(project.context), home, pattern)
    output, notes = standard_output(given.color), standard_error(given.color)
    if as_json:
        write_survey(found, home, output)
    else:
        show_survey(found, output, with_columns=columns)
    tell_elsewhere(project, notes)
    for name, why in found.unread.items():
        show_warning(f"{name} could not be read: {why}", notes)
    raise typer.Exit(1 if found.unread else 0)
