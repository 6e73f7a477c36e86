"""`hygge rename flow OLD NEW`: its files, its history and what it has moved."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from hygge.cli.file_changes import DryRun, Json, Writing, write

if TYPE_CHECKING:
    from hygge.cli.global_options import Globals
    from hygge.console.output import Output
    from hygge.operations.rename import Handed


class Renamed(StrEnum):
    """What can be renamed."""

    FLOW = "flow"


def rename(
    ctx: typer.Context,
    kind: Annotated[Renamed, typer.Argument(help="home, store or flow.")],
    old: Annotated[str, typer.Argument(metavar="OLD", help="Its name.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
    *,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Rename a flow, with its history and watermarks.

    In every environment, each table that the flow wrote gets a commit without rows under the new
    name, so that the next run continues where the last one ended.
    """
    from hygge.project.files import find_root
    from hygge.scaffold.rename import renamed_flow

    root = find_root(ctx.obj.directory)
    changes = renamed_flow(root, old, new)
    write(ctx.obj, root, changes, Writing(dry_run=dry_run, force=True, json=as_json))
    if not dry_run:
        raise typer.Exit(_hand_over(ctx.obj, old, new))


def _hand_over(given: Globals, old: str, new: str) -> int:
    from hygge.console.errors import show_warning
    from hygge.console.output import standard_error
    from hygge.journal.journal import Journal
    from hygge.journal.reports import rename_reports
    from hygge.operations.rename import hand_over
    from hygge.project.files import find_root
    from hygge.transform.quarantine import rename_quarantine

    root, notes = find_root(given.directory), standard_error(given.color)
    rename_reports(root, old, new)
    rename_quarantine(root, old, new)
    is_well = True
    with Journal.open(root, lambda text: show_warning(text, notes)) as journal:
        journal.rename_flow(old, new)
        for handed in hand_over(root, old, new, given.env_file, journal.listen):
            is_well &= _show(handed, old, new, notes)
    return 0 if is_well else 1


def _show(handed: Handed, old: str, new: str, notes: Output) -> bool:
    """Print the outcome for the places of one environment; return whether all succeeded."""
    from hygge.console.errors import show_note, show_warning

    env = handed.env
    where = "" if env is None else f" in environment {env}"
    again = f"hygge go {new} --adopt --env {env or repr('')}"
    failed = [(one.into, one.failure.message) for one in handed.outcomes if one.failure]
    for one in handed.outcomes:
        if one.failure is None:
            show_note(f"{one.into}{where} belongs to flow {new} now (commit {one.seq})", notes)
    if handed.error is not None:
        failed.append(("its places", handed.error.message))
    for name, why in failed:
        show_warning(
            f"{name}{where} still belong to flow '{old}': {why}\nonce that is fixed, take over "
            f"what was moved:  {again}",
            notes,
        )
    return not failed
