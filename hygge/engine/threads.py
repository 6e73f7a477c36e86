"""Runs splits in threads of this process; the native code releases the GIL."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence

from hygge.errors import Cancelled
from hygge.values.log_context import bound
from hygge.values.model import Part, Split

Work = Callable[[Split, Callable[[], None]], Part]
"""Stages one split; its second argument raises `Cancelled` once another split has failed."""


def run_splits(splits: Sequence[Split], work: Work, workers: int) -> list[Part]:
    """Return the part of every split, in the order of `splits`.

    At most `workers` run at once. The first error stops the others at their next batch and is
    raised unchanged after all of them have ended.
    """
    if len(splits) == 1 or workers == 1:
        return [work(split, _go_on) for split in splits]
    return _Threads(splits, work).run(min(workers, len(splits)))


def _go_on() -> None:
    """Never raise: there is no other split that could fail."""


def _start(thread: threading.Thread) -> bool:
    """Start a thread; false where the system allows no more, and the others do its work."""
    try:
        thread.start()
    except RuntimeError:
        return False
    return True


class _Threads:
    def __init__(self, splits: Sequence[Split], work: Work) -> None:
        self._splits = splits
        self._work = work
        self._waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._parts: dict[int, Part] = {}
        self._errors: list[BaseException] = []
        self._failed = threading.Event()
        for position in range(len(splits)):
            self._waiting.put(position)

    def run(self, workers: int) -> list[Part]:
        threads = [
            threading.Thread(target=bound(self._run), name=f"hygge-split-{number}", daemon=True)
            for number in range(workers)
        ]
        started = [thread for thread in threads if _start(thread)]
        if not started:
            self._run()
        for thread in started:
            thread.join()
        if self._errors:
            raise self._errors[0]
        return [self._parts[position] for position in range(len(self._splits))]

    def _run(self) -> None:
        while not self._failed.is_set():
            try:
                position = self._waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self._parts[position] = self._work(self._splits[position], self._check)
            except BaseException as error:
                self._errors.append(error)
                self._failed.set()

    def _check(self) -> None:
        if self._failed.is_set():
            raise Cancelled("another split of this entity failed")
