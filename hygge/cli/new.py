"""`hygge new home|store|flow|flows|template`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hygge.cli.file_changes import DryRun, Force, Json, Skip, Writing, write

if TYPE_CHECKING:
    from hygge.scaffold.changes import Wanted

new = typer.Typer(help="Write a home, a store, a flow or a template.", no_args_is_help=True)

_Name = Annotated[str, typer.Argument(help="Its name, and the name of its file.")]
_Type = Annotated[str, typer.Option("--type", "-t", help="Which connector; see `hygge types`.")]
_Fields = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="What its file says.")
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
    """Write homes/NAME.yml: where data lives."""
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
    """Write stores/NAME.yml: where data goes."""
    from hygge.scaffold.connectors import NewConnector, connector_files

    root = _root(ctx)
    files = connector_files(root, NewConnector("store", name, type_name, tuple(fields or ())))
    _write(ctx, root, files, Writing(dry_run, force, skip, as_json))


@new.command("flow")
def new_flow(
    ctx: typer.Context,
    name: _Name,
    *,
    home: Annotated[str | None, typer.Option(help="A home of this project.")] = None,
    store: Annotated[str | None, typer.Option(help="A store of this project.")] = None,
    entity: Annotated[
        list[str] | None, typer.Option(help="What moves; may be given more than once.")
    ] = None,
    into: Annotated[str | None, typer.Option(help="Its name in the store.")] = None,
    mode: Annotated[str | None, typer.Option(help="replace, append or merge.")] = None,
    primary_key: Annotated[
        list[str] | None, typer.Option(help="A column that identifies a row; repeatable.")
    ] = None,
    dry_run: DryRun = False,
    force: Force = False,
    skip: Skip = False,
    as_json: Json = False,
) -> None:
    """Write flows/NAME.yml: what moves from which home to which store."""
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
    home: Annotated[str, typer.Option("--from", help="The home to look into.")],
    store: Annotated[str | None, typer.Option(help="A store of this project.")] = None,
    mode: Annotated[str | None, typer.Option(help="replace, append or merge.")] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="No flow for entities that match this glob.")
    ] = None,
    dry_run: DryRun = False,
    force: Force = False,
    skip: Skip = False,
    as_json: Json = False,
) -> None:
    """Look into a home and write one flow for each of its entities, columns in a comment.

    A flow is called like its entity: in lower case, without accents, with _ for whatever a name
    cannot hold, and with a number where two entities would get one name.
    """
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
    """Copy a built-in template into templates/, where yours then wins."""
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
