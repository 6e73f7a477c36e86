"""`hygge types [TYPE]`: the connectors and their options."""

from __future__ import annotations

from typing import Annotated

import typer

_Type = Annotated[str | None, typer.Argument(metavar="TYPE", help="Show the options of this type.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def types(ctx: typer.Context, type_name: _Type = None, *, as_json: _Json = False) -> None:
    """List the types of homes and stores, or the options of one type."""
    from hygge.console.output import standard_output
    from hygge.console.types import show_options, show_types, write_types
    from hygge.operations.connector_types import connector_types, find_types

    output = standard_output(ctx.obj.color)
    found = find_types(type_name) if type_name else connector_types()
    if as_json:
        write_types(found, output)
    elif type_name:
        show_options(found, output)
    else:
        show_types(found, output)
