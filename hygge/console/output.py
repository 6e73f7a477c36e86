"""An output stream: its width, its colors, and writes that never fail a run."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from typing import TextIO

from hygge.console.text import fold
from hygge.errors import HyggeError
from hygge.values.redact import mask

_STYLES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
}


class Output:
    """Writes to one stream within its encoding and colors.

    A closed pipe (`| head`) or a full disk closes the output: later lines are dropped, and `error`
    keeps the reason, because output must not prevent a commit. Safe for use from any thread.
    """

    def __init__(self, stream: TextIO, *, color: str = "auto") -> None:
        self.stream = stream
        self.encoding = stream.encoding or "utf-8"
        self.is_terminal = _is_terminal(stream)
        self.color = _wants_color(color, self.is_terminal)
        self.error: OSError | ValueError | None = None
        self.above: Callable[[str], None] | None = None
        """While a live display owns the stream: prints a line above it."""

    @property
    def width(self) -> int | None:
        """Columns of the terminal; None where lines are not limited."""
        columns = os.environ.get("COLUMNS", "")
        if columns.isdigit() and int(columns) > 0:
            return int(columns)
        return shutil.get_terminal_size().columns if self.is_terminal else None

    @property
    def can_animate(self) -> bool:
        """Whether output can be redrawn: a terminal with cursor control, outside of CI."""
        is_dumb = os.environ.get("TERM", "") in ("", "dumb", "unknown")
        is_ci = os.environ.get("CI", "") not in ("", "0", "false")
        return self.is_terminal and not is_dumb and not is_ci

    def line(self, text: str = "") -> None:
        """Write `text` and a line end at once, and flush."""
        if self.above is not None:
            self.above(text)
            return
        self.write(f"{self.fold(mask(text))}\n")
        self.flush()

    def fold(self, text: str) -> str:
        """Return `text` as the stream's encoding can write it."""
        return fold(text, self.encoding)

    def paint(self, text: str, *styles: str) -> str:
        """Return `text` in `styles` (bold, dim, red, green, yellow, cyan) where colours are on."""
        if not self.color or not text or not styles:
            return text
        return f"\x1b[{';'.join(_STYLES[style] for style in styles)}m{text}\x1b[0m"

    def write(self, text: str) -> int:
        """Write `text` with secrets masked; do nothing after the stream has failed."""
        self._attempt(lambda: self.stream.write(mask(text)))
        return len(text)

    def flush(self) -> None:
        """Flush the stream; do nothing after it has failed."""
        self._attempt(self.stream.flush)

    def raise_if_lost(self) -> None:
        """Raise `HyggeError` when the output could not be written, unless the pipe was closed."""
        error = self.error
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            reason = (error.strerror or str(error)).lower()
            raise HyggeError(f"the output could not be written: {reason}", hint="df -h")

    def isatty(self) -> bool:
        """Return whether a terminal is at the other end."""
        return self.is_terminal

    def _attempt(self, act: Callable[[], object]) -> None:
        if self.error is not None:
            return
        try:
            act()
        except (OSError, ValueError) as error:
            self.error = error
            _silence(self.stream)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False


def _wants_color(color: str, is_terminal: bool) -> bool:
    """Return whether to use colors: by the option, NO_COLOR, FORCE_COLOR, then the stream."""
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "") not in ("", "0", "false"):
        return True
    return is_terminal and os.environ.get("TERM", "") not in ("", "dumb")


def _silence(stream: TextIO) -> None:
    """Redirect the stream to /dev/null, so that the interpreter exits without an error."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, descriptor)
    os.close(nothing)


def standard_output(color: str = "auto") -> Output:
    """Return the stream for answers."""
    return Output(sys.stdout, color=color)


def standard_error(color: str = "auto") -> Output:
    """Return the stream for progress, notes and errors."""
    return Output(sys.stderr, color=color)
