"""`hygge init NAME`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from hygge.cli.file_changes import DryRun, Force, Json, Skip, Writing, write


def init(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Directory of the project; . for the current one.")],
    *,
    bare: Annotated[
        bool, typer.Option("--bare", help="Without sample data and sample flows.")
    ] = False,
    pre_commit: Annotated[
        bool, typer.Option("--pre-commit", help="Add a pre-commit hook that runs hygge validate.")
    ] = False,
    ci: Annotated[
        Literal["github"] | None, typer.Option(help="Add a CI workflow that runs hygge validate.")
    ] = None,
    dry_run: DryRun = False,
    force: Force = False,
    skip: Skip = False,
    as_json: Json = False,
) -> None:
    """Create a project that runs at once, with sample data."""
    from hygge.scaffold.changes import compare
    from hygge.scaffold.init import ProjectOptions, project_files, project_name
    from hygge.scaffold.rendered_check import check_yaml

    directory = Path(ctx.obj.directory, name).expanduser().absolute()
    is_there = Path(name).name in ("", "..")
    root = directory.resolve() if is_there else directory
    options = ProjectOptions(bare, pre_commit, ci == "github")
    files = project_files(project_name(root, named=not is_there), options)
    check_yaml(files)
    write(ctx.obj, root, compare(root, files), Writing(dry_run, force, skip, as_json))
    if not (dry_run or as_json or ctx.obj.verbosity < 0):
        _show_next(name, is_there, bare)


def _show_next(name: str, is_there: bool, bare: bool) -> None:
    steps = [] if is_there else [f"cd {name}"]
    steps += ["hygge types", "hygge new home NAME --type TYPE key=value"] if bare else []
    steps += [] if bare else ["hygge validate", "hygge go"]
    typer.echo("\nNext:\n" + "".join(f"  {step}\n" for step in steps), err=True, nl=False)
