from __future__ import annotations

from collections.abc import Callable

import pytest

from hygge.errors import Cancelled
from hygge.retry import attempts


class Flaky:
    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def call(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def run(
    flaky: Flaky, retries: int, sleep: Callable[[float], None] | None = None
) -> tuple[list[float], list[tuple[int, str]]]:
    waits: list[float] = []
    told: list[tuple[int, str]] = []
    for attempt in attempts(
        retries,
        is_transient=lambda error: isinstance(error, OSError),
        sleep=sleep or waits.append,
        on_retry=lambda number, error, _: told.append((number, str(error))),
    ):
        with attempt:
            flaky.call()
    return waits, told


def test_a_transient_error_is_tried_again_and_told() -> None:
    flaky = Flaky(OSError("first"), OSError("second"))
    waits, told = run(flaky, retries=3)
    assert flaky.calls == 3
    assert told == [(1, "first"), (2, "second")]
    assert 0 <= waits[0] <= 0.5
    assert 0 <= waits[1] <= 1.0


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
