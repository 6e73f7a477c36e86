"""The four formats of `--progress`, and the choice among them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from types import TracebackType
from typing import Self

from hygge.console.output import Output
from hygge.values.model import Event


class Progress(StrEnum):
    """Values of `--progress`."""

    AUTO = "auto"
    RICH = "rich"
    PLAIN = "plain"
    JSON = "json"
    NONE = "none"


class Renderer(ABC):
    """Shows the events of a run. `listen` is called from one thread at a time."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    @abstractmethod
    def listen(self, event: Event) -> None:
        """Show one event."""


class Silent(Renderer):
    """Shows nothing."""

    def listen(self, event: Event) -> None:
        """Ignore the event."""


def choose(progress: Progress, notes: Output, *, quiet: bool = False) -> Progress:
    """Return the format for `auto`: rich where output can be redrawn, else plain lines."""
    if progress is not Progress.AUTO:
        return progress
    if quiet:
        return Progress.NONE
    return Progress.RICH if notes.can_animate else Progress.PLAIN


def open_renderer(progress: Progress, answer: Output, notes: Output) -> Renderer:
    """Return the renderer of a choice that `choose` made; enter it before the run starts.

    JSON Lines go to `answer`; everything else goes to `notes`.
    """
    match progress:
        case Progress.RICH:
            from hygge.console.progress.live import Live

            return Live(notes)
        case Progress.JSON:
            from hygge.console.progress.json_lines import JsonLines

            return JsonLines(answer)
        case Progress.PLAIN:
            from hygge.console.progress.plain import Plain

            return Plain(notes)
        case _:
            return Silent()
