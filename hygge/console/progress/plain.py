"""Progress as plain lines, for logs, pipes and terminals that cannot redraw."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from hygge.console.output import Output
from hygge.console.progress.formats import Renderer
from hygge.console.text import (
    clean,
    clean_lines,
    count,
    duration,
    move_name,
    percent,
    size,
    time_left,
    waiting,
)
from hygge.values.model import (
    Event,
    MoveFinished,
    MoveProgress,
    MovePublishing,
    MoveRetried,
    MoveStarted,
    Notice,
    Outcome,
    Result,
)
from hygge.values.plurals import plural
from hygge.values.redact import redact

HEARTBEAT = 30.0
"""Seconds between two heartbeat lines."""
_MOST_LINES = 5


@dataclass(slots=True)
class _Active:
    rows: int = 0
    total: int | None = None
    share: float | None = None
    doing: str = ""
    started: float = field(default_factory=time.monotonic)

    def words(self, now: float) -> str:
        """Return how far the move is: rows, how much that is of all, time, and time left."""
        seconds = now - self.started
        rows = plural(self.rows, "row")
        if self.total:
            rows = f"{count(self.rows)} of {plural(self.total, 'row')}"
        if self.doing or self.share is None:
            return f"{rows} so far, {self.doing}{duration(seconds)}"
        left = time_left(self.share, seconds)
        more = "" if left is None else f", about {duration(left)} left"
        return f"{rows} so far ({percent(self.share)}), {duration(seconds)}{more}"


class Plain(Renderer):
    """Writes one line when a move starts, is retried and ends, and heartbeat lines between."""

    def __init__(self, notes: Output, heartbeat: float = HEARTBEAT) -> None:
        self._notes = notes
        self._heartbeat = heartbeat
        self._active: dict[tuple[str, str], _Active] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def listen(self, event: Event) -> None:
        """Write the line of one event; progress is only remembered for the heartbeat."""
        with self._lock:
            line = self._line(event)
        if line is not None:
            self._notes.line(line)

    def _line(self, event: Event) -> str | None:
        match event:
            case MoveStarted(flow=flow, entity=entity, attempt=attempt, total_rows=total):
                is_new = (flow, entity) not in self._active
                self._active[flow, entity] = _Active(total=total)
                return f"{move_name(flow, entity)}: started" if is_new and attempt == 1 else None
            case MoveProgress(flow=flow, entity=entity):
                known = self._active.setdefault((flow, entity), _Active())
                known.rows, known.total, known.share = event.rows, event.total_rows, event.share
                return None
            case MovePublishing(flow=flow, entity=entity):
                self._active.setdefault((flow, entity), _Active()).doing = "publishing, "
                return None
            case MoveRetried(flow=flow, entity=entity, attempt=attempt):
                reason = clean_lines(redact(event.reason))
                if active := self._active.get((flow, entity)):
                    active.doing = "waiting to retry, "
                return (
                    f"{move_name(flow, entity)}: attempt {attempt} failed, "
                    f"{waiting(event.wait, event.left)}: {reason}"
                )
            case MoveFinished(outcome=outcome):
                self._active.pop((outcome.flow, outcome.entity), None)
                return _finished(outcome)
            case Notice(text=text):
                return f"note: {clean_lines(redact(text))}"
        return None

    def _beat(self) -> None:
        while not self._ended.wait(self._heartbeat):
            for line in self.heartbeat_lines(time.monotonic()):
                self._notes.line(line)

    def heartbeat_lines(self, now: float) -> list[str]:
        """Return how far each active move is, of the first few."""
        with self._lock:
            lines = [
                f"{move_name(*name)}: {active.words(now)}" for name, active in self._active.items()
            ]
        more = len(lines) - _MOST_LINES
        return lines if more <= 0 else [*lines[:_MOST_LINES], f"and {plural(more, 'more move')}"]


def _finished(outcome: Outcome) -> str:
    name = move_name(outcome.flow, outcome.entity)
    if outcome.result is Result.OK:
        moved = f"{plural(outcome.rows, 'row')}, {size(outcome.bytes)}"
        return f"{name}: ok, {moved} in {duration(outcome.seconds)}"
    if outcome.failure is None:
        return f"{name}: {outcome.result}"
    code, message = clean(outcome.failure.code), redact(outcome.failure.message)
    return f"{name}: {outcome.result} [{code}]: {clean_lines(message)}"
