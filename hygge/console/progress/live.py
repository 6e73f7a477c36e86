"""Progress on a terminal: lines that are redrawn and removed before the summary."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Self, cast

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live as Screen
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hygge.console.output import Output
from hygge.console.progress.formats import Renderer
from hygge.console.text import (
    clean,
    clean_lines,
    count,
    duration,
    fold,
    move_name,
    percent,
    size,
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
    RunStarted,
)
from hygge.values.plurals import plural
from hygge.values.redact import redact

_PER_SECOND = 8
_WINDOW = 64
"""Number of progress events for computing the speed."""
_BAR = 16
_NARROW, _WIDE = 72, 96


@dataclass(slots=True)
class _Active:
    """One move while it runs."""

    started: float
    total: int | None = None
    share: float | None = None
    rows: int = 0
    bytes: int = 0
    note: str = ""
    seen: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=_WINDOW))

    def speed(self, now: float) -> float:
        """Rows a second, over the last events."""
        then, rows = self.seen[0] if self.seen else (self.started, 0)
        return (self.rows - rows) / (now - then) if now > then else 0.0

    @property
    def has_end(self) -> bool:
        """Whether it is known how far the move is."""
        return self.total is not None or self.share is not None

    def remaining(self, now: float) -> float | None:
        """Estimated seconds left; None where the share or the speed is unknown."""
        speed = self.speed(now)
        if not self.share or speed <= 0:
            return None
        return self.rows * (1 - self.share) / self.share / speed


class Live(Renderer):
    """Shows the moves that run now, a line each, and counts the others."""

    def __init__(self, notes: Output) -> None:
        self._notes = notes
        self._lock = threading.Lock()
        self._active: dict[tuple[str, str], _Active] = {}
        self._planned = 0
        self._results: Counter[Result] = Counter()
        self._started = time.monotonic()
        self._console = Console(
            file=cast("IO[str]", notes),
            force_terminal=True,
            color_system="auto" if notes.color else None,
            no_color=not notes.color,
            markup=False,
            emoji=False,
            highlight=False,
        )
        self._screen = Screen(
            self,
            console=self._console,
            refresh_per_second=_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        self._screen.start()
        self._notes.above = self._print_above
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._notes.above = None
        self._screen.stop()

    def listen(self, event: Event) -> None:
        """Record an event; the display is redrawn at intervals."""
        with self._lock:
            line = self._take(event)
        if line is not None:
            self._notes.line(line)

    def _take(self, event: Event) -> str | None:
        match event:
            case RunStarted(moves=moves):
                self._planned = len(moves)
            case MoveStarted(flow=flow, entity=entity, total_rows=total):
                self._active[flow, entity] = _Active(time.monotonic(), total)
            case MoveProgress():
                self._progress(event)
            case MovePublishing(flow=flow, entity=entity):
                if active := self._active.get((flow, entity)):
                    active.note = "publishing"
            case MoveRetried(flow=flow, entity=entity):
                reason = clean_lines(redact(event.reason))
                if active := self._active.get((flow, entity)):
                    active.note = f"retrying in {duration(event.wait)}"
                return (
                    f"{move_name(flow, entity)}: attempt {event.attempt} failed, "
                    f"{waiting(event.wait, event.left)}: {reason}"
                )
            case MoveFinished(outcome=outcome):
                self._active.pop((outcome.flow, outcome.entity), None)
                self._results[outcome.result] += 1
                return self._finished(outcome)
            case Notice(text=text):
                return f"note: {clean_lines(redact(text))}"
        return None

    def _progress(self, event: MoveProgress) -> None:
        now = time.monotonic()
        active = self._active.setdefault((event.flow, event.entity), _Active(now))
        active.rows, active.bytes, active.note = event.rows, event.bytes, ""
        active.total, active.share = event.total_rows or active.total, event.share
        active.seen.append((now, event.rows))

    def _finished(self, outcome: Outcome) -> str | None:
        """Print a failure at once; successes are in the summary."""
        if outcome.result is not Result.FAILED or outcome.failure is None:
            return None
        name = move_name(outcome.flow, outcome.entity)
        message = clean_lines(redact(outcome.failure.message))
        return f"{name}: failed [{clean(outcome.failure.code)}]: {message}"

    def _print_above(self, text: str) -> None:
        line = Text.from_ansi(self._notes.fold(text))
        self._console.print(line, soft_wrap=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the current display, within the height of the terminal."""
        now = time.monotonic()
        with self._lock:
            room = max(console.height - 3, 1)
            shown = list(self._active.items())[:room]
            hidden = len(self._active) - len(shown)
            lines = _lines(shown, now, width=options.max_width, encoding=self._notes.encoding)
            footer = self._footer(now, hidden)
        yield lines
        yield Text(self._notes.fold(footer), style="dim", no_wrap=True, overflow="ellipsis")

    def _footer(self, now: float, hidden: int) -> str:
        ended = sum(self._results.values())
        failed = self._results[Result.FAILED]
        waiting = self._planned - ended - len(self._active)
        parts = [f"{ended} of {self._planned} done"]
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{plural(hidden, 'more move')} running"] if hidden else []
        parts += [f"{count(waiting)} waiting"] if waiting > 0 else []
        return " · ".join([*parts, duration(now - self._started)])


def _lines(
    moves: list[tuple[tuple[str, str], _Active]], now: float, *, width: int, encoding: str
) -> Table:
    """One line a move: name, rows, speed, bytes, time, and a bar where the total is known."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, overflow="crop", min_width=8)
    has_bar = width >= _NARROW and any(active.has_end for _, active in moves)
    for column in range(_figures(width) + 1):
        grid.add_column(no_wrap=True, justify="left" if column == _figures(width) else "right")
    if has_bar:
        grid.add_column(width=_BAR)
    for name, active in moves:
        cells = [Text(fold(cell, encoding)) for cell in _cells(active, now, width)]
        bar = [_bar(active)] if has_bar else []
        grid.add_row(Text(fold(move_name(*name), encoding)), *cells, *bar)
    return grid


def _figures(width: int) -> int:
    return 4 if width >= _WIDE else 3 if width >= _NARROW else 2


def _cells(active: _Active, now: float, width: int) -> list[str]:
    rows = plural(active.rows, "row")
    elapsed = duration(now - active.started)
    speed = f"{count(round(active.speed(now)))} rows/s"
    figures = {
        2: [rows, elapsed],
        3: [rows, speed, elapsed],
        4: [rows, speed, size(active.bytes), elapsed],
    }[_figures(width)]
    remaining = active.remaining(now)
    left = f"{duration(remaining)} left" if remaining is not None else ""
    if active.share is not None:
        left = f"{percent(active.share)} {left}".rstrip()
    return [*figures, active.note or left]


def _bar(active: _Active) -> ProgressBar | Text:
    if not active.has_end:
        return Text("")
    return ProgressBar(total=1.0, completed=active.share or 0.0, width=_BAR)
