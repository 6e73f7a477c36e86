"""The stop request of a run, and checks for it."""

from __future__ import annotations

import threading
import time

from hygge.errors import Cancelled, TimeoutExceeded


class Stop:
    """A request to end the run cleanly: no new moves begin, and no incomplete move is published."""

    def __init__(self) -> None:
        self.signal: int | None = None
        """The signal that asked, None when something else did."""
        self.reason = "the run was asked to stop"
        self._event = threading.Event()

    @property
    def requested(self) -> bool:
        """Whether a stop was requested."""
        return self._event.is_set()

    def request(self, signal: int | None = None, reason: str | None = None) -> None:
        """Request a stop; signal and reason of the first request are kept."""
        if not self._event.is_set():
            self.signal = signal
            self.reason = reason or self.reason
            self._event.set()

    def check(self) -> None:
        """Raise `Cancelled` when a stop was requested."""
        if self._event.is_set():
            raise Cancelled(f"{self.reason} before this move was committed; nothing was published")

    def wait(self, seconds: float) -> None:
        """Sleep; raise `Cancelled` as soon as a stop is requested."""
        self._event.wait(seconds)
        self.check()


class Watch:
    """Checks for the two reasons to end a move: a stop request and its timeout."""

    def __init__(self, stop: Stop, timeout: float | None) -> None:
        self._stop = stop
        self._timeout = timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout

    def check(self) -> None:
        """Raise `Cancelled` or `TimeoutExceeded` when the move must end."""
        self._stop.check()
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise TimeoutExceeded(
                f"the move took longer than its timeout of {self._timeout:g} s; "
                "nothing was published",
                hint="raise `timeout:` in the flow, or check what the home is waiting for",
            )

    def sleep(self, seconds: float) -> None:
        """Sleep up to `seconds`, raising like `check`."""
        if self._deadline is not None:
            seconds = min(seconds, max(0.0, self._deadline - time.monotonic()) + 0.01)
        self._stop.wait(seconds)
        self.check()
