"""Waits between requests: the rate of a home, and what a response asks for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache

_STEP = 0.2
"""Longest sleep in seconds before a stop of the run is noticed."""


def pause(seconds: float, go_on: Callable[[], None]) -> None:
    """Sleep; raise as soon as `go_on` does."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        go_on()
        time.sleep(min(left, _STEP))
    go_on()


class Rate:
    """A minimum time between requests, for all threads of the process."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, go_on: Callable[[], None]) -> None:
        """Wait for the next request's turn."""
        if not self._seconds:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._seconds
        pause(turn - now, go_on)


@cache
def rate_of(url: str, seconds: float) -> Rate:
    """Return the rate that all entities of an API share."""
    return Rate(seconds)


def wanted_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that a response asks to wait; None where it does not say."""
    if (after := headers.get("retry-after", "").strip()) != "":
        return _seconds_of(after, now)
    reset = headers.get("x-ratelimit-reset", "").strip()
    if headers.get("x-ratelimit-remaining", "").strip() == "0" and reset.isdigit():
        # Some APIs send the time of the reset, others the seconds until then.
        left = float(reset)
        return max(0.0, left - now.timestamp()) if left > 1e8 else left
    return None


def _seconds_of(text: str, now: datetime) -> float | None:
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())
