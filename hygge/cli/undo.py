"""`hygge undo FLOW`: takes the newest commit back."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hygge.cli.globals import Globals
    from hygge.console.output import Output
    from hygge.engine.plan import Plan
    from hygge.operations.undo import Outlook
    from hygge.values.model import RunFinished
    from hygge.values.stop import Stop

_Entity = Annotated[list[str] | None, typer.Option("--entity", help="Only these entities.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Show, and undo nothing.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def undo(
    ctx: typer.Context,
    flow: Annotated[str, typer.Argument(help="The flow's name.")],
    *,
    entity: _Entity = None,
    dry_run: _DryRun = False,
    yes: _Yes = False,
    as_json: _Json = False,
) -> None:
    """Take back the newest commit of a flow: its rows, and how far it had moved.

    Each entity has again what it held before, all of them or none. The next  hygge go  moves
    again what was taken back.
    """
    from hygge.console.output import standard_error, standard_output
    from hygge.console.undone import show_outlooks, show_undone, write_outlooks, write_undone
    from hygge.operations.undo import look
    from hygge.values.stop import Stop

    settings: Globals = ctx.obj
    answer, notes = standard_output(settings.color), standard_error(settings.color)
    plan = _plan(settings, flow, entity or ())
    outlooks = look(plan)
    is_possible = all(one.failure is None for one in outlooks)
    if dry_run or not is_possible:
        (write_outlooks if as_json else show_outlooks)(outlooks, answer)
        answer.raise_if_lost()
        raise typer.Exit(0 if is_possible else 1)
    if not _agreed(outlooks, settings, notes, yes=yes):
        notes.line("nothing was undone")
        raise typer.Exit(1)
    stop = Stop()
    finished = _undo(plan, settings, stop, notes)
    (write_undone if as_json else show_undone)(finished, outlooks, answer)
    raise typer.Exit(_exit_code(finished, stop))


def _plan(settings: Globals, flow: str, entities: Sequence[str]) -> Plan:
    from hygge.cli.projects import load_project, tell_elsewhere
    from hygge.console.output import standard_error
    from hygge.engine.plan import Selection, make_plan

    project = load_project(settings)
    plan = make_plan(project, Selection(flows=(flow,), entities=tuple(entities)))
    tell_elsewhere(project, standard_error(settings.color))
    for unplanned in plan.unplanned:
        raise unplanned.error
    return plan


def _agreed(outlooks: Sequence[Outlook], settings: Globals, notes: Output, *, yes: bool) -> bool:
    """Show what is about to be undone and ask; raises `UsageError` where nobody can answer.

    With `yes` only what cannot be seen is shown.
    """
    from hygge.console.undone import show_outlooks, show_unseen
    from hygge.errors import UsageError

    if yes:
        show_unseen(outlooks, notes)
        return True
    if settings.no_input or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "undo asks before it takes rows back, and nobody can answer here",
            hint=f"hygge undo {outlooks[0].move.flow} --yes   (see it first with  --dry-run)",
        )
    show_outlooks(outlooks, notes)
    sys.stderr.write("Undo? y(es) N(o) ")
    sys.stderr.flush()
    return sys.stdin.readline().lower() in ("y\n", "yes\n")


def _undo(plan: Plan, settings: Globals, stop: Stop, notes: Output) -> RunFinished:
    import signal

    from hygge.console.errors import show_warning
    from hygge.console.listeners import Listeners
    from hygge.journal.journal import Journal
    from hygge.operations import undo as undoing
    from hygge.runtime import eventlog
    from hygge.runtime.logs import setup
    from hygge.runtime.signals import watch_signals

    def interrupt(number: int) -> None:
        name = signal.Signals(number).name
        notes.line(f"{name}: stopping; nothing is undone by half (again: at once)")
        stop.request(number)

    level = "warning" if settings.verbosity <= 0 else "info"
    setup(notes.line, level=level, color=notes.color, hide=(eventlog.LOGGER,))
    root = plan.context.root
    with Journal.open(root, lambda text: show_warning(text, notes)) as journal:
        listeners = Listeners(journal.listen, eventlog.listen)
        with watch_signals(interrupt):
            return undoing.undo(plan, stop=stop, listen=listeners.listen)


def _exit_code(finished: RunFinished, stop: Stop) -> int:
    from hygge.cli.going import exit_code

    return exit_code(finished.outcomes, stop)
