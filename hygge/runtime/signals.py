"""Ctrl-C and SIGTERM during a run: the first ends it cleanly, the second at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = b"\x1b[?25h"


@contextmanager
def watch_signals(first: Callable[[int], None], *, restores_cursor: bool = False) -> Iterator[None]:
    """Call `first` with the first signal's number, and end the process at the second.

    A separate thread reads the signals from a pipe that Python's C handler writes. It acts while
    the main thread is inside a native call, and `first` may take locks and print, which a handler
    must not. Only the main thread may enter.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    watcher = threading.Thread(
        target=_watch, args=(reading, first, restores_cursor), name="signals", daemon=True
    )
    before = {number: signal.signal(number, _ignore) for number in SIGNALS}
    descriptor = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(descriptor)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(writing)
        watcher.join()
        os.close(reading)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Ignore the signal in Python's handler; its number is in the pipe already."""


def _watch(reading: int, first: Callable[[int], None], restores_cursor: bool) -> None:
    is_first = True
    while number := os.read(reading, 1):
        if number[0] not in SIGNALS:
            continue
        if is_first:
            is_first = False
            first(number[0])
        else:
            _end_now(number[0], restores_cursor)


def _end_now(number: int, restores_cursor: bool) -> None:
    if restores_cursor:
        os.write(2, _SHOW_CURSOR)
    os._exit(128 + number)
