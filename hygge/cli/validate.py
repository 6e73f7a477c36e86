"""`hygge validate [PATH…]`."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hygge.cli.global_options import Globals
    from hygge.console.output import Output
    from hygge.project import Report


class Format(StrEnum):
    """Output formats."""

    FULL = "full"
    CONCISE = "concise"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


Paths = Annotated[
    list[Path] | None,
    typer.Argument(metavar="PATH", help="Projects, files or folders to check."),
]
Kind = Annotated[
    Format, typer.Option(metavar="FORMAT", help="full, concise, json, github or sarif.")
]
Discover = Annotated[
    bool, typer.Option("--discover", help="Also check all projects in subdirectories.")
]
EnvCheck = Annotated[bool, typer.Option("--env-check", help="Require that all variables are set.")]
Explain = Annotated[
    str | None, typer.Option(metavar="CODE", help="Explain a code, such as HG102, and exit.")
]


def validate(
    ctx: typer.Context,
    paths: Paths = None,
    *,
    format: Kind = Format.FULL,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
    discover: Discover = False,
    env_check: EnvCheck = False,
    explain: Explain = None,
) -> None:
    """Check all files of the project: offline, without drivers or secrets.

    Exits with 1 if there are errors, and with 2 if there is no project.
    """
    from time import perf_counter

    from hygge.console.output import standard_output

    output = standard_output(ctx.obj.color)
    if explain is not None:
        _explain(explain, format, output)
        return
    started = perf_counter()
    with _uncollected():
        wanted = _wanted(ctx.obj, paths or [], discover=discover)
        here = _here(format)
        reports = [
            _report(ctx.obj, root, places, here, env_check=env_check)
            for root, places in wanted.items()
        ]
    _show(reports, format, perf_counter() - started, output)
    output.raise_if_lost()
    if any(report.errors or (strict and report.warnings) for report in reports):
        raise typer.Exit(1)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Turn off garbage collection: all objects live until the answer is printed.

    Measured with 200 flows: a twelfth of the processor time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _explain(code: str, format: Format, output: Output) -> None:
    from hygge.console.diagnostics.explain import find_code, show_code, show_code_json

    show = show_code_json if format is Format.JSON else show_code
    show(find_code(code), output)


def _wanted(given: Globals, paths: list[Path], *, discover: bool) -> dict[Path, list[Path]]:
    """Return the projects to check, each with the paths given for it, if any."""
    from hygge.errors import UsageError
    from hygge.project import find_projects

    wanted: dict[Path, list[Path]] = {}
    for path in [given.directory / path for path in paths] or [given.directory]:
        if not path.exists():
            raise UsageError(f"there is no file or folder {path}", hint="hygge validate")
        for root in find_projects(path) if discover else [_root_of(path)]:
            wanted.setdefault(root, []).extend([path.resolve()] if paths else [])
    return wanted


def _root_of(path: Path) -> Path:
    from hygge.errors import UsageError
    from hygge.project import find_root

    try:
        return find_root(path)
    except UsageError as error:
        hint = f"{error.hint}, or for projects in subdirectories:  hygge validate --discover"
        raise UsageError(error.message, hint=hint, code=error.code) from error


def _here(format: Format) -> Path:
    """Return the base of file names: the working directory or the repository."""
    from hygge.project import repository_of

    return repository_of(Path()) if format in (Format.GITHUB, Format.SARIF) else Path()


def _report(
    given: Globals, root: Path, places: list[Path], here: Path, *, env_check: bool
) -> Report:
    from hygge.project import check, seen_from, within

    report = check(root, env=given.env, env_file=given.env_file, with_variables=env_check)
    return seen_from(within(report, root, places) if places else report, root, here)


def _show(reports: list[Report], format: Format, seconds: float, output: Output) -> None:
    from hygge.console.diagnostics.report import show_concise, show_full, show_json, show_verdict

    diagnostics = [one for report in reports for one in report.diagnostics]
    if format is Format.JSON:
        show_json(reports, output)
        return
    if format is Format.SARIF:
        from hygge.console.diagnostics.sarif import show_sarif

        show_sarif(diagnostics, output)
        return
    show = show_concise if format is Format.CONCISE else show_full
    show(diagnostics, output)
    show_verdict(reports, seconds, output)
    if format is Format.GITHUB:
        from hygge.console.diagnostics.github_annotations import show_annotations

        show_annotations(diagnostics, output)
