"""How a run is asked to stop, and how everything in it notices."""

from __future__ import annotations

import threading
import time

from hygge.errors import Cancelled, TimeoutExceeded


class Stop:
    """A request to end the run cleanly: nothing more is begun, nothing half-done is published."""

    def __init__(self) -> None:
        self.signal: int | None = None
        """The signal that asked, None when something else did."""
        self.reason = "the run was asked to stop"
        self._event = threading.Event()

    @property
    def requested(self) -> bool:
        """Whether anybody has asked."""
        return self._event.is_set()

    def request(self, signal: int | None = None, reason: str | None = None) -> None:
        """Ask the run to stop; the first request's signal and reason are kept."""
        if not self._event.is_set():
            self.signal = signal
            self.reason = reason or self.reason
            self._event.set()

    def check(self) -> None:
        """Raise `Cancelled` when the run was asked to stop."""
        if self._event.is_set():
            raise Cancelled(f"{self.reason} before this move was committed; nothing was published")

    def wait(self, seconds: float) -> None:
        """Sleep, but wake and raise `Cancelled` as soon as the run is asked to stop."""
        self._event.wait(seconds)
        self.check()


class Watch:
    """The two reasons for which a move must not go on: a stop request and its own timeout."""

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
                hint="raise `timeout:` in the flow, or find out what the home is waiting for",
            )

    def sleep(self, seconds: float) -> None:
        """Sleep up to `seconds`, raising as `check` does."""
        if self._deadline is not None:
            seconds = min(seconds, max(0.0, self._deadline - time.monotonic()) + 0.01)
        self._stop.wait(seconds)
        self.check()
