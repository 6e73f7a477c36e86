"""`read_timeout`: a connection whose server stays silent for too long is cut.

A statement may take hours, so silence alone proves nothing. After `read_timeout` the server is
asked over another connection whether it still works on the statement. While it does, hygge keeps
waiting. Otherwise, or without an answer, the socket is shut down, and the driver waiting on it
raises. See docs/decisions/0080-silent-servers.md.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count

KEEPALIVE_IDLE = 30
KEEPALIVE_INTERVAL = 10
KEEPALIVE_COUNT = 3
UNACKNOWLEDGED = 60
"""Seconds, except the count: a peer that acknowledges nothing for a minute is gone."""
LONGEST_PAUSE = 10
"""Maximum pause between rows, in multiples of `read_timeout`, whatever the server reports."""

_LAST_DATA_RECEIVED = 52
"""Offset in Linux `tcp_info` of the milliseconds since data was last received."""
_TCP_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)
_numbers = count(1)

Socket = Callable[[], "socket.socket | None"]
"""Returns a duplicate of the socket that is watched; None when it cannot be found."""


class SilentError(OSError):
    """A server was silent for too long, so its connection was cut."""


@dataclass(eq=False, slots=True)
class _Wait:
    socket: Socket
    seconds: float
    longest: float | None
    ask: Callable[[], bool]
    began: float = field(default_factory=time.monotonic)
    since: float = field(default_factory=time.monotonic)
    is_asking: bool = False
    reason: str = ""


@contextmanager
def waiting(
    socket: Socket,
    seconds: float,
    ask: Callable[[], bool] = lambda: False,
    *,
    longest: float | None = None,
) -> Iterator[None]:
    """Cut a connection when the block waits more than `seconds` for a byte from the server.

    `ask` returns whether the server still works on the statement; then the wait continues, up to
    `longest` seconds in total. Raises `SilentError` from the driver's error.
    """
    wait = _Wait(socket, seconds, longest, ask)
    _watcher.add(wait)
    try:
        yield
    except Exception as error:
        if wait.reason:
            raise SilentError(wait.reason) from error
        raise
    finally:
        _watcher.remove(wait)


class _Watcher:
    """One thread that watches all waits, while there are any."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget all waits; a forked process has no watcher thread."""
        self._waits: set[_Wait] = set()
        self._changed = threading.Condition()
        self._is_running = False

    def add(self, wait: _Wait) -> None:
        with self._changed:
            self._waits.add(wait)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="hygge-silence", daemon=True).start()

    def remove(self, wait: _Wait) -> None:
        with self._changed:
            self._waits.discard(wait)

    def _run(self) -> None:
        while True:
            with self._changed:
                waits = list(self._waits)
                if not waits:
                    # A thread that wakes rarely costs less than one that is started again and
                    # again.
                    self._changed.wait(1.0)
                    continue
            for wait in waits:
                if not wait.is_asking and time.monotonic() - wait.since >= wait.seconds:
                    self._look(wait)
            time.sleep(min(1.0, min(wait.seconds for wait in waits) / 4))

    def _look(self, wait: _Wait) -> None:
        silent = _silence(wait)
        if silent < wait.seconds:
            wait.since = time.monotonic() - silent
            return
        wait.is_asking = True
        threading.Thread(
            target=lambda: self._ask(wait), name="hygge-silence-ask", daemon=True
        ).start()

    def _ask(self, wait: _Wait) -> None:
        is_late = wait.longest is not None and time.monotonic() - wait.began > wait.longest
        try:
            works = not is_late and wait.ask()
        except Exception:  # any error means that there is no answer
            works = False
        if works:
            wait.since, wait.is_asking = time.monotonic(), False
            return
        with self._changed:
            if wait not in self._waits:
                return
            found = wait.socket()
            if found is None:
                return
            seconds = time.monotonic() - wait.began
            wait.reason = f"the server has sent nothing for {max(seconds, wait.seconds):.0f} s"
            with found, suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)


def _silence(wait: _Wait) -> float:
    """Return the seconds without data since the wait began or was last checked."""
    waited = time.monotonic() - wait.since
    found = wait.socket()
    if found is None:
        return waited
    with found, suppress(OSError, AttributeError, struct.error):
        info = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        (milliseconds,) = struct.unpack_from("=I", info, _LAST_DATA_RECEIVED)
        return min(waited, float(milliseconds) / 1000)
    return waited


_watcher = _Watcher()
os.register_at_fork(after_in_child=_watcher.begin)


@contextmanager
def pulse(ask: Callable[[], None], seconds: float) -> Iterator[None]:
    """Call `ask` every `seconds` while the block runs; its errors are ignored."""
    is_over = threading.Event()

    def beat() -> None:
        while not is_over.wait(seconds):
            with suppress(Exception):
                ask()

    threading.Thread(target=beat, name="hygge-pulse", daemon=True).start()
    try:
        yield
    finally:
        is_over.set()


def of_descriptor(number: int) -> socket.socket | None:
    """Return a duplicate of an open socket."""
    try:
        return socket.socket(fileno=os.dup(number))
    except OSError:
        return None


def new_mark() -> int:
    """Return a TCP_USER_TIMEOUT in milliseconds, unique among the connections of this process.

    It identifies the socket of a driver that does not expose it.
    """
    return UNACKNOWLEDGED * 1000 + next(_numbers) % 10_000


def of_mark(mark: int) -> socket.socket | None:
    """Return a duplicate of the socket with this mark; None where the system lacks `/proc`."""
    if _TCP_USER_TIMEOUT is None:
        return None
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        found = of_descriptor(int(name)) if _is_socket(name) else None
        if found is None:
            continue
        with suppress(OSError):
            if found.getsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT) == mark:
                return found
        found.close()
    return None


def _is_socket(name: str) -> bool:
    with suppress(OSError):
        return os.readlink(f"/proc/self/fd/{name}").startswith("socket:")  # noqa: PTH115
    return False


def keep_alive(one: socket.socket) -> None:
    """Set TCP keepalive so that the system notices a dead peer within about a minute."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL),
        ("TCP_KEEPCNT", KEEPALIVE_COUNT),
        ("TCP_USER_TIMEOUT", UNACKNOWLEDGED * 1000),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            with suppress(OSError):
                one.setsockopt(socket.IPPROTO_TCP, option, value)
