from __future__ import annotations

from collections.abc import Callable

import pytest

from hygge.engine.retry import attempts
from hygge.errors import Cancelled
from hygge.settings.move import MoveSettings


class Flaky:
    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def call(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.fixture(autouse=True)
def short_waits() -> None:
    """Wait as long as a user does: nothing here sleeps."""


def run(
    flaky: Flaky,
    retries: int,
    sleep: Callable[[float], None] | None = None,
    seconds: float = 600.0,
) -> tuple[list[float], list[tuple[int, str]]]:
    waits: list[float] = []
    told: list[tuple[int, str]] = []
    for attempt in attempts(
        retries,
        seconds=seconds,
        retry_after=lambda error: (
            getattr(error, "asks", 0.0) if isinstance(error, OSError) else None
        ),
        sleep=sleep or waits.append,
        on_retry=lambda number, error, wait, left: told.append((number, str(error))),
    ):
        with attempt:
            flaky.call()
    return waits, told


def test_a_transient_error_is_tried_again_and_told() -> None:
    flaky = Flaky(OSError("first"), OSError("second"))
    waits, told = run(flaky, retries=3)
    assert flaky.calls == 3
    assert told == [(1, "first"), (2, "second")]
    assert 0.5 <= waits[0] <= 1.0
    assert 1.0 <= waits[1] <= 2.0


def test_any_other_error_is_never_tried_again() -> None:
    flaky = Flaky(ValueError("bad data"))
    with pytest.raises(ValueError, match="bad data"):
        run(flaky, retries=3)
    assert flaky.calls == 1


def test_the_last_error_is_raised_as_it_is() -> None:
    flaky = Flaky(*[OSError(str(n)) for n in range(9)])
    with pytest.raises(OSError, match="2"):
        run(flaky, retries=2)
    assert flaky.calls == 3


def test_giving_up_while_waiting_ends_the_attempts() -> None:
    def sleep(_: float) -> None:
        raise Cancelled("stop")

    flaky = Flaky(OSError("first"))
    with pytest.raises(Cancelled):
        run(flaky, retries=5, sleep=sleep)
    assert flaky.calls == 1


def test_waits_grow_to_minutes_and_end_when_all_seconds_are_spent() -> None:
    waits: list[float] = []
    with pytest.raises(OSError, match="down"):
        run(Flaky(*[OSError("down")] * 99), retries=100, sleep=waits.append)
    assert 60 <= max(waits) <= 120
    assert sum(waits) == pytest.approx(600)
    assert len(waits) >= 9


def test_what_is_left_is_reported_with_each_wait() -> None:
    left: list[float] = []
    waits: list[float] = []
    with pytest.raises(OSError, match="down"):
        for attempt in attempts(
            20,
            seconds=10.0,
            retry_after=lambda _: 0.0,
            sleep=waits.append,
            on_retry=lambda number, error, wait, rest: left.append(rest),
        ):
            with attempt:
                raise OSError("down")
    assert left[-1] == pytest.approx(0)
    assert left == pytest.approx([10 - sum(waits[: n + 1]) for n in range(len(waits))])


def test_a_move_waits_ten_minutes_by_default() -> None:
    settings = MoveSettings()
    waits: list[float] = []
    with pytest.raises(OSError, match="down"):
        run(
            Flaky(*[OSError("down")] * 99),
            settings.retries,
            waits.append,
            settings.retry_for,
        )
    assert sum(waits) == pytest.approx(600)


def asking(seconds: float) -> OSError:
    error = OSError("busy")
    error.asks = seconds  # type: ignore[attr-defined]
    return error


def test_the_seconds_that_an_error_asks_for_are_waited_at_least() -> None:
    waits, _ = run(Flaky(asking(30.0), asking(0.25), OSError("down")), retries=9)
    assert waits[0] == 30.0
    assert 1.0 <= waits[1] <= 2.0
    assert 2.0 <= waits[2] <= 4.0


def test_an_error_that_asks_for_more_seconds_than_are_left_is_raised_at_once() -> None:
    waits: list[float] = []
    flaky = Flaky(asking(45.0), asking(30.0))
    with pytest.raises(OSError, match="busy") as raised:
        run(flaky, 9, waits.append, seconds=60.0)
    assert (waits, flaky.calls) == ([45.0], 2)
    assert raised.value.__notes__ == [
        "not retried: a wait of 30 s was asked for, and retry_for has 15 s left"
    ]
