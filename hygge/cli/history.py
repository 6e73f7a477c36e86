"""`hygge history`: the runs that are remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hygge.cli.globals import Globals
    from hygge.console.output import Output
    from hygge.journal import Journal

_Flow = Annotated[str | None, typer.Option("--flow", "-f", help="Only runs of this flow.")]
_Limit = Annotated[int, typer.Option("--limit", min=1, help="At most so many runs.")]
_Receipt = Annotated[
    bool, typer.Option("--receipt", help="What each commit staged: nulls, ends, sums.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def history(
    ctx: typer.Context,
    *,
    flow: _Flow = None,
    limit: _Limit = 20,
    receipt: _Receipt = False,
    as_json: _Json = False,
) -> None:
    """Show the runs that this project remembers, newest first."""
    from hygge.console.errors import show_warning
    from hygge.console.output import standard_error, standard_output
    from hygge.console.past import show_runs, write_runs
    from hygge.journal import Journal
    from hygge.project import find_root

    settings: Globals = ctx.obj
    notes, output = standard_error(settings.color), standard_output(settings.color)
    root = find_root(settings.directory)
    with Journal.open(root, lambda text: show_warning(text, notes)) as journal:
        if not journal.is_rebuilt:
            _ask_stores(journal, settings, notes)
        runs = journal.runs(flow=flow, limit=limit)
    if as_json:
        write_runs(runs, output)
    else:
        show_runs(runs, output, receipts=receipt)


def _ask_stores(journal: Journal, settings: Globals, notes: Output) -> None:
    """Add what the stores remember; a project that cannot be resolved still has its journal."""
    from hygge.console.errors import show_note
    from hygge.errors import HyggeError
    from hygge.project import Project, find_root
    from hygge.recall import fill_journal

    try:
        root = find_root(settings.directory)
        fill_journal(journal, Project.load(root, env=settings.env, env_file=settings.env_file))
    except HyggeError as error:
        show_note(f"the stores were not asked what they remember: {error.message}", notes)
