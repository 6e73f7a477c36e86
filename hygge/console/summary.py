"""The summary of a run: a table of its moves, failures, and one line of totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hygge.console.output import Output
from hygge.console.suggested_commands import with_options
from hygge.console.table import Column, show_table
from hygge.console.text import clean, clean_lines, count, duration, move_name, size
from hygge.values.model import WARNING, Failure, Outcome, Result, RunFinished
from hygge.values.plurals import plural
from hygge.values.redact import redact

_STYLES: dict[str, tuple[str, ...]] = {
    Result.OK: ("green",),
    Result.KEPT: ("yellow",),
    Result.FAILED: ("red", "bold"),
    Result.SKIPPED: ("yellow",),
    Result.CANCELLED: ("yellow",),
}
_UNFINISHED = (Result.FAILED, Result.CANCELLED, Result.SKIPPED)


def show_summary(
    finished: RunFinished,
    output: Output,
    again: str = "hygge go --retry-failed",
    *,
    quiet: bool = False,
) -> None:
    """Print the summary of `hygge go`; when `quiet`, only failures and warnings.

    `again` is the command that runs failed moves again.
    """
    outcomes = finished.outcomes
    if quiet:
        outcomes = tuple(outcome for outcome in outcomes if _is_remarkable(outcome))
        if not outcomes:
            return
    elif outcomes:
        show_table(_columns(outcomes), output)
        output.line()
    for outcome in outcomes:
        _show_remarks(outcome, output)
    output.line(f"{_totals(finished)}")
    if any(outcome.result in _UNFINISHED for outcome in outcomes):
        output.line(f"re-run what failed:  {output.paint(with_options(again), 'bold')}")


def _is_remarkable(outcome: Outcome) -> bool:
    is_warned = any(note.startswith(WARNING) for note in outcome.notes)
    return is_warned or outcome.result is not Result.OK


def _columns(outcomes: Sequence[Outcome]) -> list[Column]:
    def cells(name: str) -> list[str]:
        return [clean(str(getattr(outcome, name))) for outcome in outcomes]

    entity = Column("entity", cells("entity"), shrinks=True)
    has_entity = any(outcome.entity != outcome.flow for outcome in outcomes)
    return [
        Column("flow", cells("flow"), shrinks=True),
        *([entity] if has_entity else []),
        Column("from", cells("home"), shrinks=True, drop=3),
        Column("to", cells("store"), shrinks=True, drop=4),
        Column("mode", cells("mode"), drop=5),
        Column("rows", [count(outcome.rows) for outcome in outcomes], right=True),
        Column("size", [_size(outcome) for outcome in outcomes], right=True, drop=2),
        Column("time", [_time(outcome) for outcome in outcomes], right=True, drop=1),
        Column("result", cells("result"), paint=lambda cell: _STYLES.get(cell, ())),
    ]


def _size(outcome: Outcome) -> str:
    return size(outcome.bytes) if outcome.result is Result.OK else "–"


def _time(outcome: Outcome) -> str:
    return duration(outcome.seconds) if outcome.attempts else "–"


def _show_remarks(outcome: Outcome, output: Output) -> None:
    name = move_name(outcome.flow, outcome.entity)
    if outcome.failure is not None:
        _show_failure(outcome, outcome.failure, output)
    elif outcome.notes:
        for note in outcome.notes:
            output.line(f"{name}: {clean_lines(with_options(redact(note)))}")
        output.line()


def _show_failure(outcome: Outcome, failure: Failure, output: Output) -> None:
    name = move_name(outcome.flow, outcome.entity)
    head = output.paint(
        f"{name} {outcome.result} [{clean(failure.code)}]:", *_STYLES[outcome.result]
    )
    output.line(f"{head} {clean_lines(redact(failure.message))}")
    places = [clean(failure.where)] if failure.where else []
    places += [f"home {clean(outcome.home)}", f"store {clean(outcome.store)}"]
    output.line(f"  {'   '.join(places)}")
    for note in outcome.notes:
        output.line(f"  {clean_lines(redact(note))}")
    if failure.hint:
        hint = clean_lines(with_options(redact(failure.hint)), " " * 8)
        output.line(f"  {output.paint('help:', 'cyan')} {hint}")
    output.line()


def _totals(finished: RunFinished) -> str:
    outcomes = finished.outcomes
    results = Counter(outcome.result for outcome in outcomes)
    counted = ", ".join(f"{results[result]} {result}" for result in Result if results[result])
    rows = sum(outcome.rows for outcome in outcomes)
    written = size(sum(outcome.bytes for outcome in outcomes))
    parts = [counted or "nothing moved", plural(rows, "row"), written, duration(finished.seconds)]
    if finished.env is not None:
        parts.append(f"environment {clean(finished.env)}")
    return " · ".join(parts)
