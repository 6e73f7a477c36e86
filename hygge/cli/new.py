"""`hygge new home|store|flow|flows|template`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hygge.cli.file_changes import DryRun, Force, Json, Skip, Writing, write

if TYPE_CHECKING:
    from hygge.scaffold.changes import Wanted

new = typer.Typer(help="Create a home, a store, a flow or a template.", no_args_is_help=True)

_Name = Annotated[str, typer.Argument(help="Its name, which is also the name of its file.")]
_Type = Annotated[
    str, typer.Option("--type", "-t", help="Type of the connector; see `hygge types`.")
]
_Fields = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="Options of the connector; see `hygge types TYPE`."),
]


@new.command("home")
def new_home(
    ctx: typer.Context,
    name: _Name,
    fields: _Fields = None,
    *,
    type_name: _Type,
    dry_run: DryRun = False,
    force: Force = False,
    skip: Skip = False,
    as_json: Json = False,
) -> None:
    """Create homes/NAME.yml: where data lives."""
    from hygge.scaffold.connectors import NewConnector, connector_files

    root = _root(ctx)
    files = connector_files(root, NewConnector("home", name, type_name, tuple(fields or ())))
    _write(ctx, root, files, Writing(dry_run, force, skip, as_json))


@new.command("store")
def new_store(
    ctx: typer.Context,
    name: _Name,
    fields: _Fields = None,
    *,
    type_name: _Type,
    dry_run: DryRun = False,
    force: Force = False,
    skip: Skip = False,
    as_json: Json = False,
) -> None:
    """Create stores/NAME.yml: where data goes."""
    from hygge.scaffold.connectors import NewConnector, connector_files

    root = _root(ctx)
    files = connector_files(root, NewConnector("store", name, type_name, tuple(fields or ())))
    _write(ctx, root, files, Writing(dry_run, force, skip, as_json))


@new.command("flow")
def new_flow(
    ctx: typer.Context,
    name: _Name,
    *,
    home: Annotated[str | None, typer.Option(help="Name of the home.")] = None,
    store: Annotated[str | None, typer.Option(help="Name of the store.")] = None,
    entity: Annotated[list[str] | None, typer.Option(help="Entity to move; repeatable.")] = None,
    into: Annotated[str | None, typer.Option(help="Its name in the store.")] = None,
    mode: Annotated[str | None, typer.Option(help="replace, append or merge.")] = None,
    primary_key: Annotated[
        list[str] | None, typer.Option(help="Column of the key; repeatable.")
    ] = None,
    dry_run: DryRun = False,
    force: Force = False,
    skip: Skip = False,
    as_json: Json = False,
) -> None:
    """Create flows/NAME.yml: what moves from which home to which store."""
    from hygge.scaffold.flows import NewFlow, flow_files

    root = _root(ctx)
    keys = tuple(column.strip() for text in primary_key or () for column in text.split(","))
    wanted = NewFlow(name, home, store, tuple(entity or ()), into, mode, keys)
    _write(ctx, root, flow_files(root, wanted), Writing(dry_run, force, skip, as_json))


@new.command("flows")
def new_flows(
    ctx: typer.Context,
    pattern: Annotated[str, typer.Argument(help="Only entities that match this glob.")] = "*",
    *,
    home: Annotated[str, typer.Option("--from", help="Name of the home.")],
    store: Annotated[str | None, typer.Option(help="Name of the store.")] = None,
    mode: Annotated[str | None, typer.Option(help="replace, append or merge.")] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Exclude entities that match this glob.")
    ] = None,
    dry_run: DryRun = False,
    force: Force = False,
    skip: Skip = False,
    as_json: Json = False,
) -> None:
    """Create a flow for each entity of a home, with its columns in a comment.

    A flow is named after its entity: in lower case, without accents, with _ for characters that a
    name cannot have, and with a number if two entities would get the same name."""
    from hygge.project import Project
    from hygge.scaffold.discovery import NewFlows, discovered_flows

    given = ctx.obj
    project = Project.load(_root(ctx), env=given.env, env_file=given.env_file)
    found = discovered_flows(project, NewFlows(home, pattern, store, mode, tuple(exclude or ())))
    _write(ctx, project.root, found.files, Writing(dry_run, force, skip, as_json))
    _tell(ctx, found.notes)


@new.command("template")
def new_template(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(help="flow, home/TYPE or store/TYPE.")],
    *,
    dry_run: DryRun = False,
    force: Force = False,
    skip: Skip = False,
    as_json: Json = False,
) -> None:
    """Copy a built-in template into templates/, to be changed and used from there."""
    from hygge.scaffold.changes import Wanted
    from hygge.scaffold.templates import built_in_text

    files = [Wanted(f"templates/{kind}.yml.j2", built_in_text(kind))]
    _write(ctx, _root(ctx), files, Writing(dry_run, force, skip, as_json))


def _root(ctx: typer.Context) -> Path:
    from hygge.project.files import find_root

    return find_root(ctx.obj.directory)


def _write(ctx: typer.Context, root: Path, files: list[Wanted], writing: Writing) -> None:
    from hygge.scaffold.changes import compare
    from hygge.scaffold.project_check import check_together

    others = check_together(root, files)
    write(ctx.obj, root, compare(root, files), writing)
    _tell(ctx, others)


def _tell(ctx: typer.Context, notes: Sequence[str]) -> None:
    from hygge.console.errors import show_warning
    from hygge.console.output import standard_error

    for note in notes:
        show_warning(note, standard_error(ctx.obj.color))
