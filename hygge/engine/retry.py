"""The retry policy: whole attempts, growing waits with jitter, only for transient errors."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from tenacity import AttemptManager, RetryCallState, Retrying, retry_if_exception

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 120.0


def attempts(
    retries: int,
    *,
    seconds: float,
    retry_after: Callable[[BaseException], float | None],
    sleep: Callable[[float], None],
    on_retry: Callable[[int, BaseException, float, float], None],
) -> Iterator[AttemptManager]:
    """Yield attempts until one succeeds; the last error is raised unchanged.

    There are at most `retries` more attempts, and at most `seconds` are spent waiting for them.
    `retry_after` returns the seconds that an error asks to wait at least, or None where no other
    attempt helps. An error that asks for more seconds than are left is raised at once.
    `on_retry` receives the attempt that failed, its error, the seconds until the next one and those
    that are left after it. `sleep` waits, and may raise to give up. Waits double from 1 second to 2
    minutes; each is drawn from the upper half of its range, so that many moves do not return
    together, and the last one ends when all seconds are spent.
    """
    spent = asked = 0.0

    def may_help(error: BaseException) -> bool:
        nonlocal asked
        wanted = retry_after(error)
        asked = wanted or 0.0
        return wanted is not None

    def wait(state: RetryCallState) -> float:
        longest = FIRST_WAIT_SECONDS * 2.0 ** min(state.attempt_number - 1, 30)
        drawn = min(longest, LONGEST_WAIT_SECONDS) * random.uniform(0.5, 1)
        return min(max(drawn, asked), seconds - spent)

    def is_over(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if state.attempt_number > retries or spent >= seconds:
            return True
        if error is not None and asked > seconds - spent:
            error.add_note(
                f"not retried: a wait of {asked:g} s was asked for, and retry_for has "
                f"{seconds - spent:g} s left"
            )
            return True
        return False

    def before_sleep(state: RetryCallState) -> None:
        nonlocal spent
        error = state.outcome.exception() if state.outcome else None
        spent += state.upcoming_sleep
        if error is not None:
            on_retry(state.attempt_number, error, state.upcoming_sleep, seconds - spent)

    yield from Retrying(
        stop=is_over,
        wait=wait,
        retry=retry_if_exception(may_help),
        sleep=sleep,
        before_sleep=before_sleep,
        reraise=True,
    )
