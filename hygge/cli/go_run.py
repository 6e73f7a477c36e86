"""The run of `hygge go`, from its options to its exit code."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hygge.cli.main import BUG, show_crash
from hygge.cli.projects import tell_elsewhere
from hygge.console import suggested_commands
from hygge.console.errors import show_note, show_warning
from hygge.console.output import standard_error, standard_output
from hygge.console.progress.formats import Progress, choose, open_renderer
from hygge.console.progress.listeners import Listeners
from hygge.console.summary import show_summary
from hygge.engine.plan import Plan, Selection, make_plan
from hygge.errors import HyggeError, UsageError
from hygge.journal.reports import ReportWriter, recent_reports
from hygge.project import Project, find_root
from hygge.runtime import eventlog
from hygge.runtime.logs import Format, setup
from hygge.values.model import PLAIN, Manner, Outcome, Result, RunFinished
from hygge.values.stop import Stop

if TYPE_CHECKING:
    from hygge.cli.global_options import Globals
    from hygge.journal.failures import Failed
    from hygge.journal.journal import Journal

_LEVELS = ("warning", "info", "debug")
_WELL = (Result.OK, Result.KEPT)


@dataclass(frozen=True, slots=True)
class Logs:
    """Destination of log lines."""

    level: str | None
    file: Path | None
    format: Literal["text", "json"]


@dataclass(frozen=True, slots=True)
class Failures:
    """Options on failures: stop at the first, or run only earlier failures again."""

    are_fatal: bool
    are_retried: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of `hygge go` except the selection."""

    env: str | None
    concurrency: int | None
    manner: Manner
    is_allowed: bool
    """Whether stores of a protected project may be replaced."""
    failures: Failures
    progress: str
    logs: Logs


class GoRun:
    """A call of `hygge go`, which moves or only shows. The project must have no errors."""

    def __init__(self, settings: Globals, options: Options) -> None:
        self._options = options
        self._answer = standard_output(settings.color)
        self._notes = standard_error(settings.color)
        self._is_quiet = settings.verbosity < 0
        self._progress = choose(Progress(options.progress), self._notes, quiet=self._is_quiet)
        self._set_up_logs(options.logs, settings)
        self._root = find_root(settings.directory)
        self.finished: RunFinished | None = None
        """The run that `move` made."""
        self._failed = None
        self._failing: list[str] = []
        if options.failures.are_retried:
            self._failed = self._choose_failed(settings)
        env = options.env if self._failed is None else self._failed.env
        self._project = Project.load(self._root, env=env, env_file=settings.env_file)

    def show(self, selection: Selection) -> int:
        """Print what would be moved."""
        from hygge.console.dry_run import show_plan, write_plan

        plan = self._plan(selection)
        if plan is None:
            return 0
        show = write_plan if self._progress is Progress.JSON else show_plan
        show(plan, self._answer)
        return 1 if plan.unplanned else 0

    def move(self, selection: Selection) -> int:
        """Move what is selected, print the summary and return the exit code."""
        plan = self._plan(selection)
        if plan is None:
            return 0
        from hygge.runtime.signals import watch_signals

        stop = Stop()

        def interrupt(number: int) -> None:
            name = signal.Signals(number).name
            self._notes.line(
                f"{name}: stopping; no unfinished move is published (again: stop at once)"
            )
            stop.request(number)

        is_live = self._progress is Progress.RICH
        with watch_signals(interrupt, restores_cursor=is_live):
            finished = self._run(plan, stop)
            self._show_end(finished)
            self._notify(finished)
        self.finished = finished
        return exit_code(finished.outcomes, stop)

    def _show_end(self, finished: RunFinished) -> None:
        if self._progress is not Progress.JSON:
            again = self._retry_command(finished.outcomes)
            show_summary(finished, self._answer, again, quiet=self._is_quiet)
        self._tell_bugs(finished.outcomes)
        if self._answer.error is not None and not isinstance(self._answer.error, BrokenPipeError):
            show_warning(f"the output could not be written: {self._answer.error}", self._notes)

    def _set_up_logs(self, logs: Logs, settings: Globals) -> None:
        level = logs.level or _LEVELS[min(max(settings.verbosity, 0), 2)]
        setup(
            self._notes.line,
            level=level,
            color=self._notes.color,
            format=Format(logs.format),
            file=logs.file and settings.directory / logs.file,
            hide=(eventlog.LOGGER,) if self._tells_events else (),
        )

    @property
    def _tells_events(self) -> bool:
        """Whether each move is shown anyway, so that log lines would repeat it."""
        return self._is_quiet or self._progress in (Progress.PLAIN, Progress.RICH)

    def _plan(self, selection: Selection) -> Plan | None:
        """Return the plan; None, after a note, when nothing is left to run again."""
        from hygge.operations.store_commits import without_committed

        failed = self._failed
        if failed is None:
            return None if self._options.failures.are_retried else self._make_plan(selection)
        known = self._project.flows
        for flow in sorted({flow for flow, _ in failed.runs if flow not in known}):
            show_note(f"flow '{flow}', which failed before, no longer exists", self._notes)
        pairs = frozenset(pair for pair in failed.runs if pair[0] in known)
        if not pairs:
            return None
        plan = self._make_plan(replace(selection, pairs=pairs))
        plan, done = without_committed(plan, failed)
        for move, run_id in done:
            text = f"{move.flow} ({move.entity}) was committed by run {run_id} after all"
            show_note(text, self._notes)
        return plan if plan.moves or plan.unplanned else None

    def _choose_failed(self, settings: Globals) -> Failed | None:
        """Return the moves to run again; None, after a note, when every move succeeded."""
        from hygge.journal.failures import choose, failed_moves

        found = failed_moves(recent_reports(self._root))
        given, options = settings.is_env_given, self._options
        chosen = choose(found, options.manner, options.env, is_env_given=given)
        if chosen is None:
            show_note("nothing to retry: no move failed the last time it ran", self._notes)
            return None
        if options.manner != PLAIN:
            chosen = replace(chosen, manner=options.manner)
        if not given and chosen.env is not None:
            show_note(
                f"retrying in environment '{chosen.env}', where the moves failed", self._notes
            )
        if options.manner != chosen.manner:
            words = " ".join(chosen.manner.words())
            show_note(f"retrying with {words}, as in the run that failed", self._notes)
        suggested_commands.repeat_env(chosen.env)
        return chosen

    @property
    def _manner(self) -> Manner:
        return self._options.manner if self._failed is None else self._failed.manner

    def _retry_command(self, outcomes: Sequence[Outcome]) -> str:
        """Return the command that runs failed moves again, with all options it needs.

        A move with a limit that was refused would be refused again, so it goes to a scratch place.
        """
        from hygge.journal.failures import failed_moves, is_ambiguous, retry_command

        is_too_small = any(one.failure and one.failure.code == "HG580" for one in outcomes)
        manner = replace(self._manner, into_scratch=True) if is_too_small else self._manner
        env, words = self._project.env, manner.words()
        if self._options.is_allowed:
            words = (*words, "--allow-protected")
        names_base = False
        with suppress(HyggeError):
            names_base = is_ambiguous(failed_moves(recent_reports(self._root)))
        return retry_command(env, words, names_base=names_base)

    def _make_plan(self, selection: Selection) -> Plan:
        plan = self._planned(selection)
        tell_elsewhere(self._project, self._notes)
        return plan

    def _planned(self, selection: Selection) -> Plan:
        manner = self._manner
        if not self._options.is_allowed:
            check_protected(self._project, manner, selection.flows)
        has_range = manner.low is not None or manner.high is not None
        return make_plan(
            self._project,
            selection,
            concurrency=self._options.concurrency,
            adopt=manner.adopt,
            full_refresh=manner.full_refresh,
            limit=manner.limit,
            again=(manner.low, manner.high) if has_range else None,
            backfill=manner.backfill,
            accepts=manner.accept_changes,
            into_scratch=manner.into_scratch,
        )

    def _run(self, plan: Plan, stop: Stop) -> RunFinished:
        from hygge.engine.coordinator import run
        from hygge.journal.journal import Journal
        from hygge.operations.store_commits import last_commits

        reports = ReportWriter(self._root)
        renderer = open_renderer(self._progress, self._answer, self._notes)
        with Journal.open(self._root, self._warn) as journal:
            if journal.is_empty:
                journal.rebuild(last_commits(plan))
            self._failing = self._failing_flows(plan, journal)
            listeners = Listeners(renderer.listen, reports.listen, journal.listen, eventlog.listen)
            with renderer:
                is_fatal = self._options.failures.are_fatal
                finished = run(plan, stop=stop, listen=listeners.listen, fail_fast=is_fatal)
        if reports.error is not None:
            self._warn(f"the report of this run could not be written: {reports.error}")
        for error in listeners.errors:
            self._tell_bug(error)
        return finished

    def _failing_flows(self, plan: Plan, journal: Journal) -> list[str]:
        """Return the flows of a plan whose newest moves failed, where recoveries are reported."""
        if not any("recovery" in one.on for one in self._project.notify):
            return []
        from datetime import UTC, datetime

        from hygge.operations.status import status_of

        now, flows, env = datetime.now(UTC), self._project.flows, self._project.env
        return [
            name
            for name in {move.flow for move in plan.moves}
            if status_of(flows[name], journal.past_moves(name, env), now).troubles
        ]

    def _notify(self, finished: RunFinished) -> None:
        """Send the messages about a run; what is not delivered is a warning."""
        receivers = self._project.notify
        if not receivers:
            return
        from hygge.operations.notify import Message, chosen, of_outcomes, send

        items = of_outcomes(finished.outcomes, self._failing)
        project, env = self._project.name, self._project.env
        messages = [
            (one, Message(project, env, found, finished.run_id))
            for one in receivers
            if (found := chosen(one, items))
        ]
        for problem in send(messages, self._root):
            self._warn(problem)

    def _warn(self, text: str) -> None:
        show_warning(text, self._notes)

    def _tell_bug(self, error: Exception) -> None:
        from hygge.runtime.crash import trace_of

        what = f"{type(error).__name__}: {error}"
        show_crash(what, trace_of(error), self._root, self._notes)

    def _tell_bugs(self, outcomes: Sequence[Outcome]) -> None:
        traces = [o.failure.trace for o in outcomes if o.failure and o.failure.trace]
        if traces:
            what = traces[-1].rstrip().splitlines()[-1]
            show_crash(what, "\n".join(traces), self._root, self._notes)


def check_protected(project: Project, manner: Manner, flows: Sequence[str]) -> None:
    """Raise `UsageError` for a change of a protected project's stores that was not allowed."""
    if manner.into_scratch or not project.protected:
        return
    where = f"environment '{project.env}'" if project.env else "this project"
    if manner.full_refresh:
        words = " ".join([*flows, "--full-refresh --allow-protected"])
        raise UsageError(
            f"{where} is protected, and --full-refresh would replace all rows in its stores; "
            "nothing was moved",
            hint=f"check  hygge plan {words} , and if it is right, run  hygge go {words}",
            code="HG221",
        )
    if manner.limit is not None:
        raise UsageError(
            f"{where} is protected, and --limit would publish only a part of the rows; nothing "
            "was moved",
            hint="write them to a scratch table instead:   "
            f"{shlex.join(['hygge', 'go', *flows, *manner.words(), '--into-scratch'])}",
            code="HG221",
        )


def exit_code(outcomes: Sequence[Outcome], stop: Stop) -> int:
    """Return 128 + the signal that stopped moves, 70 for a bug, 1 for a failed move."""
    is_well = all(outcome.result in _WELL for outcome in outcomes)
    if stop.signal is not None and not is_well:
        return 128 + stop.signal
    if any(outcome.failure and outcome.failure.trace for outcome in outcomes):
        return BUG
    return 0 if is_well else 1
