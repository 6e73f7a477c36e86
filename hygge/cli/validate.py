"""`hygge validate [PATH…]`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hygge.cli.app import Globals
    from hygge.console.output import Output
    from hygge.project import Report


class Format(StrEnum):
    """How mistakes are printed."""

    FULL = "full"
    CONCISE = "concise"
    JSON = "json"


def validate(
    ctx: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Projects, or only these files and folders."),
    ] = None,
    *,
    format: Annotated[Format, typer.Option("--format", help="How mistakes are printed.")] = (
        Format.FULL
    ),
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail, too.")] = False,
    env_check: Annotated[
        bool, typer.Option("--env-check", help="Every variable must be set here.")
    ] = False,
) -> None:
    """Check every file and environment of the project: offline, without drivers or secrets.

    Exit code 1 when there are errors.
    """
    from time import perf_counter

    from hygge.console.output import standard_output

    started = perf_counter()
    reports = _reports(ctx.obj, paths or [], env_check=env_check)
    _show(reports, format, perf_counter() - started, standard_output(ctx.obj.color))
    if any(report.errors or (strict and report.warnings) for report in reports):
        raise typer.Exit(1)


def _reports(given: Globals, paths: list[Path], *, env_check: bool) -> list[Report]:
    """Check each project that the paths lie in, and keep what concerns the paths."""
    from hygge.errors import UsageError
    from hygge.project import check, find_root, within

    wanted: dict[Path, list[Path]] = {}
    for path in [given.directory / path for path in paths] or [given.directory]:
        if not path.exists():
            raise UsageError(f"there is no {path}", hint="hygge validate")
        wanted.setdefault(find_root(path), []).append(path.resolve())
    reports = []
    for root, places in wanted.items():
        report = check(root, env=given.env, env_file=given.env_file, with_variables=env_check)
        reports.append(within(report, root, places) if paths else report)
    return reports


def _show(reports: list[Report], format: Format, seconds: float, output: Output) -> None:
    from hygge.console.diagnostics import show_concise, show_full, show_json, show_verdict

    if format is Format.JSON:
        show_json(reports, output)
        return
    show = show_full if format is Format.FULL else show_concise
    for report in reports:
        show(report.diagnostics, output)
    show_verdict(reports, seconds, output)
