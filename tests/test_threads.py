"""Splits in threads: what one does to the others."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from hygge.engine.threads import run_splits
from hygge.errors import Cancelled, HomeError
from hygge.values.model import Part, Split

SPLITS = [Split(number, str(number)) for number in range(20)]


def part_of(split: Split, check: Callable[[], None]) -> Part:
    check()
    return Part(split.number, 1, 1)


def test_parts_come_in_the_order_of_the_splits() -> None:
    parts = run_splits(SPLITS, part_of, 4)
    assert [part.split for part in parts] == list(range(20))


def test_the_first_error_stops_the_others_and_is_the_one_that_is_raised() -> None:
    waiting = threading.Barrier(2)

    def work(split: Split, check: Callable[[], None]) -> Part:
        waiting.wait(10)
        if split.number == 1:
            raise HomeError("the disk is gone")
        with pytest.raises(Cancelled):
            while True:
                check()
        raise Cancelled("stopped")

    with pytest.raises(HomeError, match="the disk is gone"):
        run_splits(SPLITS, work, 2)


@pytest.mark.parametrize("allowed", [0, 1])
def test_where_no_more_threads_are_allowed_those_that_run_do_all_the_work(
    monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def limited(thread: threading.Thread) -> None:
        if len(started) >= allowed:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    parts = run_splits(SPLITS, part_of, 4)
    assert [part.split for part in parts] == list(range(20))
