"""`hygge destroy KIND NAME`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from hygge.cli.file_changes import DryRun, Json, Writing, write


class Kind(StrEnum):
    """What can be removed."""

    HOME = "home"
    STORE = "store"
    FLOW = "flow"
    TEMPLATE = "template"


def destroy(
    ctx: typer.Context,
    kind: Annotated[Kind, typer.Argument(help="home, store, flow or template.")],
    name: Annotated[str, typer.Argument(help="Its name.")],
    *,
    dry_run: DryRun = False,
    force: Annotated[
        bool, typer.Option("--force", help="Remove it even if it is still used.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove the file of a home, store, flow or template; data is kept.

    Fails while another file of the project refers to it.
    """
    from hygge.project.files import find_root
    from hygge.scaffold.destroy import removals

    root = find_root(ctx.obj.directory)
    changes = removals(root, kind.value, name, force=force)
    write(ctx.obj, root, changes, Writing(dry_run=dry_run, json=as_json))
