"""`hygge schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hygge.cli.writing import DryRun, Json, Writing, write


def schema(
    ctx: typer.Context,
    *,
    output: Annotated[
        Path | None, typer.Option(help="Write into this directory, not .hygge/schema.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Write the JSON Schemas of the project's files, by which editors complete and check them.

    Run it again after an upgrade, or when a package with another connector was installed.
    """
    from hygge.project.layout import find_root
    from hygge.scaffold.changes import compare
    from hygge.scaffold.schemas import schema_files

    if output is None:
        root = find_root(ctx.obj.directory)
        changes = compare(root, schema_files())
    else:
        root = Path(ctx.obj.directory, output).expanduser().resolve()
        changes = compare(root, schema_files(""))
    write(ctx.obj, root, changes, Writing(dry_run=dry_run, json=as_json))
