"""`hygge undo FLOW…` and `hygge undo --last-run`: reverts the newest commit of each place."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hygge.cli.global_options import Globals
    from hygge.console.output import Output
    from hygge.engine.plan import Plan, Selection
    from hygge.operations.undo import Made, Outlook
    from hygge.project import Project
    from hygge.values.model import RunFinished
    from hygge.values.stop import Stop

_Entity = Annotated[list[str] | None, typer.Option("--entity", help="Only these entities.")]
_LastRun = Annotated[
    bool, typer.Option("--last-run", help="Everything that the newest run committed.")
]
_DryRun = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Show what would be undone and undo nothing.")
]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def undo(
    ctx: typer.Context,
    flow: Annotated[
        list[str] | None, typer.Argument(metavar="FLOW", help="Names of flows; globs are allowed.")
    ] = None,
    *,
    last_run: _LastRun = False,
    entity: _Entity = None,
    dry_run: _DryRun = False,
    yes: _Yes = False,
    as_json: _Json = False,
) -> None:
    """Revert the newest commit of flows, or a whole run: rows and watermarks.

    Each table is restored to its previous rows: all tables, or none. The next  hygge go  moves
    again what was reverted."""
    from hygge.console.output import standard_error, standard_output
    from hygge.console.undo import show_outlooks, show_undone, write_outlooks, write_undone
    from hygge.errors import UsageError
    from hygge.operations.undo import look, only_made
    from hygge.values.stop import Stop

    settings: Globals = ctx.obj
    answer, notes = standard_output(settings.color), standard_error(settings.color)
    names, entities = tuple(flow or ()), tuple(entity or ())
    if bool(names) == last_run or (last_run and entities):
        raise UsageError(
            "name the flows to undo, or use --last-run without names",
            hint="hygge undo --last-run --dry-run",
        )
    plan, made = _last_run(settings) if last_run else (_plan(settings, names, entities), None)
    outlooks = look(plan, made)
    if made is not None:
        plan, made = only_made(plan, made, outlooks)
    is_possible = all(one.failure is None for one in outlooks)
    if dry_run or not is_possible:
        (write_outlooks if as_json else show_outlooks)(outlooks, answer)
        answer.raise_if_lost()
        raise typer.Exit(0 if is_possible else 1)
    words = ("--last-run",) if last_run else names
    if not _agreed(outlooks, settings, notes, words, yes=yes):
        notes.line("nothing was undone")
        raise typer.Exit(1)
    stop = Stop()
    finished = _undo(plan, made, settings, stop, notes)
    (write_undone if as_json else show_undone)(finished, outlooks, answer)
    raise typer.Exit(_exit_code(finished, stop))


def _plan(settings: Globals, flows: tuple[str, ...], entities: tuple[str, ...]) -> Plan:
    from hygge.cli.projects import load_project
    from hygge.engine.plan import Selection

    project = load_project(settings)
    return _planned(project, Selection(flows=flows, entities=entities), settings)


def _planned(
    project: Project, selection: Selection, settings: Globals, *, into_scratch: bool = False
) -> Plan:
    from hygge.cli.projects import tell_elsewhere
    from hygge.console.output import standard_error
    from hygge.engine.plan import make_plan

    plan = make_plan(project, selection, into_scratch=into_scratch)
    tell_elsewhere(project, standard_error(settings.color))
    for unplanned in plan.unplanned:
        raise unplanned.error
    return plan


def _last_run(settings: Globals) -> tuple[Plan, Made]:
    """Return the plan of the newest run, and its commits."""
    from hygge.cli.projects import load_project
    from hygge.engine.plan import Selection
    from hygge.operations.undo import Made, newest_run

    project = load_project(settings)
    report = newest_run(project, is_env_given=settings.is_env_given)
    selection = Selection(pairs=frozenset(report.planned))
    plan = _planned(project, selection, settings, into_scratch=report.manner.into_scratch)
    return plan, Made.of(report)


def _agreed(
    outlooks: Sequence[Outlook],
    settings: Globals,
    notes: Output,
    words: Sequence[str],
    *,
    yes: bool,
) -> bool:
    """Show what will be undone and ask; raises `UsageError` without a terminal.

    With `yes` only undetectable losses are shown.
    """
    from hygge.console.undo import show_outlooks, show_unseen
    from hygge.errors import UsageError

    if yes:
        show_unseen(outlooks, notes)
        return True
    if settings.no_input or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "undo asks for confirmation, and this is not a terminal",
            hint=f"hygge undo {shlex.join(words)} --yes   (check it first with  --dry-run)",
        )
    show_outlooks(outlooks, notes)
    sys.stderr.write("Undo? y(es) N(o) ")
    sys.stderr.flush()
    return sys.stdin.readline().lower() in ("y\n", "yes\n")


def _undo(
    plan: Plan, made: Made | None, settings: Globals, stop: Stop, notes: Output
) -> RunFinished:
    import signal

    from hygge.console.errors import show_warning
    from hygge.console.progress.listeners import Listeners
    from hygge.journal.journal import Journal
    from hygge.operations import undo as undoing
    from hygge.runtime import eventlog
    from hygge.runtime.logs import setup
    from hygge.runtime.signals import watch_signals

    def interrupt(number: int) -> None:
        name = signal.Signals(number).name
        notes.line(f"{name}: stopping; no undo is left half done (again: stop at once)")
        stop.request(number)

    level = "warning" if settings.verbosity <= 0 else "info"
    setup(notes.line, level=level, color=notes.color, hide=(eventlog.LOGGER,))
    root = plan.context.root
    with Journal.open(root, lambda text: show_warning(text, notes)) as journal:
        listeners = Listeners(journal.listen, eventlog.listen)
        with watch_signals(interrupt):
            return undoing.undo(plan, stop=stop, listen=listeners.listen, made=made)


def _exit_code(finished: RunFinished, stop: Stop) -> int:
    from hygge.cli.go_run import exit_code

    return exit_code(finished.outcomes, stop)
