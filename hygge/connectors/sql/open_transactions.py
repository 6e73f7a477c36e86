"""Waiting for transactions that may still add rows below a watermark."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from hygge.errors import HomeError
from hygge.values.plurals import plural

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds to wait in one attempt; a move that times out is retried, and waits longer each time."""
LONG_SECONDS = 60.0
"""Seconds; a transaction that is open for longer is reported, because rows wait for it."""
_POLL = 0.1


class OpenTransactionsError(HomeError):
    """Transactions that may add rows below the newest value did not end in time."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what, hint=hint, code="HG509")


def doubt(entity: str, why: str, *, exact: bool) -> None:
    """Warn that late rows may be missed; raise `HomeError` where the flow asks for exactly-once."""
    warning = f"{entity}: {why}, so rows that are committed late may be missed"
    way = "read them again with  incremental: {lookback: …}"
    if exact:
        raise HomeError(
            f"{warning}; the flow requires guarantee: exactly-once",
            hint=f"{way}  and set  guarantee: effectively-once  with  mode: merge",
            code="HG515",
        )
    log.warning("%s; %s", warning, way)


def patience() -> float:
    """Return the deadline of a wait, by the monotonic clock."""
    return time.monotonic() + PATIENCE


def until_ended(
    open_now: Callable[[], Mapping[str, str]],
    first: Mapping[str, str],
    entity: str,
    hint: str,
    *,
    latest: float,
) -> None:
    """Wait until none of the transactions `first` is open; new ones do not matter.

    Both mappings go from a transaction's id to its description. Raises `OpenTransactionsError` with
    those still open at the deadline `latest`, from `patience`.
    """
    left = dict(first)
    while left:
        if time.monotonic() > latest:
            who = ", ".join(sorted(left.values())[:3])
            raise OpenTransactionsError(
                f"{entity}: {plural(len(left), 'transaction')} that may add rows below the newest "
                f"one did not end within {PATIENCE:g} s: {who}",
                hint,
            )
        time.sleep(_POLL)
        now = open_now()
        left = {name: now[name] for name in left if name in now}
