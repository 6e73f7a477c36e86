"""One retry policy: whole attempts, exponential backoff with full jitter, transient errors only."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tenacity import (
    AttemptManager,
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 60.0


def attempts(
    retries: int,
    *,
    is_transient: Callable[[BaseException], bool],
    sleep: Callable[[float], None],
    on_retry: Callable[[int, BaseException, float], None],
) -> Iterator[AttemptManager]:
    """Yield attempts until one succeeds; the last error is raised as it is.

    `on_retry` is told the attempt that failed, its error and the seconds until the next one.
    `sleep` waits, and may raise to give up. The wait before attempt n+1 is drawn evenly from
    0 … 0.5·2ⁿ seconds, at most 60 (full jitter, so that many moves do not return together).
    """

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if error is not None:
            on_retry(state.attempt_number, error, state.upcoming_sleep)

    yield from Retrying(
        stop=stop_after_attempt(retries + 1),
        wait=wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
        retry=retry_if_exception(is_transient),
        sleep=sleep,
        before_sleep=before_sleep,
        reraise=True,
    )
