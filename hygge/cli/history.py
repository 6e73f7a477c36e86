"""`hygge history`: the runs that are remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hygge.cli.global_options import Globals
    from hygge.console.output import Output
    from hygge.journal.journal import Journal

_Run = Annotated[
    str | None, typer.Argument(metavar="RUN", help="Only this run: its id or a prefix of it.")
]
_Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="WHEN",
        help="Only runs since a date or a duration ago: 2026-01-31, 12h, 7d.",
    ),
]
_Failed = Annotated[bool, typer.Option("--failed", help="Only runs with failed moves.")]
_Flow = Annotated[str | None, typer.Option("--flow", "-f", help="Only runs of this flow.")]
_Limit = Annotated[int, typer.Option("--limit", min=1, help="Maximum number of runs.")]
_Receipt = Annotated[
    bool,
    typer.Option("--receipt", help="Show what each commit staged: rows, nulls, min, max, sums."),
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def history(
    ctx: typer.Context,
    run: _Run = None,
    *,
    flow: _Flow = None,
    failed: _Failed = False,
    since: _Since = None,
    limit: _Limit = 20,
    receipt: _Receipt = False,
    as_json: _Json = False,
) -> None:
    """List past runs, newest first, or show one run with notes and hints."""
    from hygge.console.errors import show_warning
    from hygge.console.history import show_runs, write_runs
    from hygge.console.output import standard_error, standard_output
    from hygge.errors import UsageError
    from hygge.journal.journal import Journal, Wanted
    from hygge.project import find_root

    settings: Globals = ctx.obj
    wanted = Wanted(flow, run, None if since is None else _instant(since), failed, limit)
    notes, output = standard_error(settings.color), standard_output(settings.color)
    root = find_root(settings.directory)
    with Journal.open(root, lambda text: show_warning(text, notes)) as journal:
        if not journal.is_rebuilt:
            _ask_stores(journal, settings, notes)
        runs = journal.runs(wanted)
    if run is not None and not runs:
        raise UsageError(
            f"no run '{run}' in the history of this machine", hint="hygge history", code="HG231"
        )
    if as_json:
        write_runs(runs, output)
    else:
        is_chosen = wanted != Wanted(limit=limit)
        show_runs(runs, output, receipts=receipt, is_full=run is not None, is_chosen=is_chosen)


def _instant(text: str) -> str:
    """Return a time, or a duration before now, as ISO 8601 in UTC."""
    from datetime import UTC, datetime, timedelta

    from hygge.errors import UsageError
    from hygge.settings.move import parse_seconds

    try:
        seconds = parse_seconds(text) if text[-1:] in tuple("smhd") else None
        if isinstance(seconds, float):
            return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"'{text}' is neither a time nor a duration",
            hint="hygge history --since 2026-01-31T06:00, or  --since 12h",
        ) from error


def _ask_stores(journal: Journal, settings: Globals, notes: Output) -> None:
    """Add the stores' commits to the journal; errors of the project are ignored."""
    from hygge.console.errors import show_note
    from hygge.errors import HyggeError
    from hygge.operations.store_commits import fill_journal
    from hygge.project import Project, find_root

    try:
        root = find_root(settings.directory)
        fill_journal(journal, Project.load(root, env=settings.env, env_file=settings.env_file))
    except HyggeError as error:
        show_note(f"the stores could not be asked for older runs: {error.message}", notes)
