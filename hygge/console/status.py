"""Output of `hygge status`: a line per flow, then what is stale or failed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from hygge.console.output import Output
from hygge.console.suggested_commands import with_options
from hygge.console.table import Column, show_table
from hygge.console.text import clean, clean_lines, count, duration, move_name
from hygge.operations.status import FlowStatus, Trouble
from hygge.values.plurals import listed, plural

_STYLES = {
    "ok": ("green",),
    "running": ("cyan",),
    "never run": ("dim",),
    "stale": ("yellow", "bold"),
    "failed": ("red", "bold"),
}
_NOTABLE = 1.5
"""Minimum factor of a deviation from the usual that is shown."""
_SHOWN_TROUBLES = 5


def show_status(found: Sequence[FlowStatus], output: Output) -> None:
    """Print a table of the flows, each failure with its hint, and the number of healthy flows."""
    if not found:
        output.line("the project has no enabled flow")
        return
    show_table(
        [
            Column("flow", [clean(one.flow) for one in found], shrinks=True),
            Column("last success", [_moment(one.last_success) for one in found], drop=2),
            Column("age", [_age(one.age) for one in found], right=True),
            Column("rows", [_number(one.rows) for one in found], right=True, drop=3),
            Column("time", [_seconds(one.seconds) for one in found], right=True, drop=1),
            Column(
                "usual time", [_seconds(one.usual_seconds) for one in found], right=True, drop=4
            ),
            Column("trend", [_trend(one) for one in found], drop=5),
            Column("state", [one.state for one in found], paint=lambda c: _STYLES.get(c, ())),
        ],
        output,
    )
    for status in found:
        lines = list(_details(status, output))
        for line in ["", *lines] if lines else []:
            output.line(line)
    output.line()
    output.line(_total(found))


def _details(status: FlowStatus, output: Output) -> Iterator[str]:
    for trouble in status.troubles[:_SHOWN_TROUBLES]:
        yield from _failure(status, trouble, output)
    if (more := len(status.troubles) - _SHOWN_TROUBLES) > 0:
        yield (
            f"  and {plural(more, 'more entity', 'more entities')}:  "
            f"{with_options('hygge history --failed')}"
        )
    if status.stale:
        names = listed([move_name(status.flow, one) for one in status.stale])
        was = "never succeeded" if status.age is None else f"last success {_age(status.age)} ago"
        limit = "" if status.freshness is None else f", freshness: {_age(status.freshness)}"
        yield f"{names} {output.paint('stale', *_STYLES['stale'])}: {was}{limit}"


def _failure(status: FlowStatus, trouble: Trouble, output: Output) -> Iterator[str]:
    name = move_name(status.flow, trouble.entity)
    state = output.paint(trouble.state, *_STYLES["failed"])
    runs = f" ({trouble.runs:,} runs)" if trouble.runs > 1 else ""
    code = f" [{trouble.code}]" if trouble.code else ""
    message = f": {clean_lines(trouble.message, ' ' * 4)}" if trouble.message else ""
    yield f"{name} {state} since {_moment(trouble.since)}{runs}{code}{message}"
    hint = clean_lines(with_options(trouble.hint), " " * 8) if trouble.hint else ""
    if hint:
        yield f"  {output.paint('help:', 'cyan')} {hint}"
    yield f"  more:  {with_options(f'hygge history {trouble.run_id[:8]}')}"


def _total(found: Sequence[FlowStatus]) -> str:
    states = [one.state for one in found]
    known = [state for state in _STYLES if state in states]
    return " · ".join(f"{states.count(state):,} {state}" for state in known)


def _moment(text: str | None) -> str:
    return "–" if text is None else f"{text[:16].replace('T', ' ')}Z"


def _age(seconds: float | None) -> str:
    """Return a length of time in one unit, or in days: `42 s`, `5 min`, `3 h`, `12 days`."""
    if seconds is None:
        return "–"
    for unit, length, most in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds < length * most:
            return f"{max(seconds, 0) / length:.0f} {unit}"
    return plural(round(seconds / 86400), "day")


def _seconds(value: float | None) -> str:
    return "–" if value is None else duration(value)


def _number(value: int | None) -> str:
    return "–" if value is None else count(value)


def _trend(status: FlowStatus) -> str:
    """Return the deviation from the usual, as `2.4 × slower`; empty without a notable one."""
    parts = []
    if status.seconds and status.usual_seconds and status.seconds > 1:
        ratio = status.seconds / status.usual_seconds
        if ratio >= _NOTABLE:
            parts.append(f"{ratio:.1f} × slower")
        elif ratio <= 1 / _NOTABLE:
            parts.append(f"{1 / ratio:.1f} × faster")
    if status.rows is not None and status.usual_rows:
        share = status.rows / status.usual_rows
        if share >= _NOTABLE or share <= 1 / _NOTABLE:
            parts.append(f"{share:.0%} of the usual rows")
    return ", ".join(parts)


def write_status(found: Sequence[FlowStatus], output: Output) -> None:
    """Write the flows as one JSON object."""
    flows = [{**asdict(one), "is_well": one.is_well} for one in found]
    output.line(json.dumps({"is_well": all(one.is_well for one in found), "flows": flows}))
