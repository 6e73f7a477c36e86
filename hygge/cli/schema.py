"""`hygge schema` and `hygge schema lock`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hygge.cli.file_changes import DryRun, Json, Writing, write

schema = typer.Typer(
    help="Write JSON Schemas for editors; `schema lock` pins the columns of homes."
)

_Flows = Annotated[
    list[str] | None, typer.Argument(metavar="FLOW", help="Names of flows; globs are allowed.")
]


@schema.callback(invoke_without_command=True)
def schemas(
    ctx: typer.Context,
    *,
    output: Annotated[
        Path | None, typer.Option(help="Directory to write to instead of .hygge/schema.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Write the JSON Schemas of the project's files, by which editors complete and check them.

    Run it again after an upgrade, or when a package with another connector was installed.
    """
    from hygge.project.files import find_root
    from hygge.scaffold.changes import compare
    from hygge.scaffold.editor_schemas import schema_files

    if ctx.invoked_subcommand is not None:
        return
    if output is None:
        root = find_root(ctx.obj.directory)
        changes = compare(root, schema_files())
    else:
        root = Path(ctx.obj.directory, output).expanduser().resolve()
        changes = compare(root, schema_files(""))
    write(ctx.obj, root, changes, Writing(dry_run=dry_run, json=as_json))


@schema.command()
def lock(
    ctx: typer.Context,
    names: _Flows = None,
    *,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Write flows/NAME.lock.yml: the columns of the home, for review and for `validate`.

    A move of a locked flow fails, before anything is staged, if the columns of the home differ.
    Without names all enabled flows are locked."""
    from hygge.engine.plan import Selection
    from hygge.operations.lock_columns import locked
    from hygge.project import Project, find_root
    from hygge.scaffold.changes import compare
    from hygge.scaffold.lock_file import lock_file

    given = ctx.obj
    root = find_root(given.directory)
    # A column that the old lock lacks is no error for the command that writes the lock.
    project = Project.load(root, env=given.env, env_file=given.env_file, allows={"HG219"})
    found = locked(project, Selection(flows=tuple(names or ())))
    wanted = [
        lock_file(flow, project.flows[flow].file, entities) for flow, entities in found.items()
    ]
    write(given, root, compare(root, wanted), Writing(dry_run=dry_run, json=as_json))
