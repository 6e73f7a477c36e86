"""Waiting for transactions that may still add rows below a watermark."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from hygge.errors import HomeError
from hygge.values.plurals import plural

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds; a move that ends in this error is tried again, and waits longer each time."""
LONG_SECONDS = 60.0
"""A transaction that is open for longer is worth a warning: rows wait for it."""
_POLL = 0.1


class OpenTransactionsError(HomeError):
    """Transactions that may add rows below the newest value did not end in time."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what, hint=hint, code="HG509")


def doubt(entity: str, why: str, *, exact: bool) -> None:
    """Warn that late rows may be missed; raise `HomeError` where the flow asks for exactly-once."""
    told = f"{entity}: {why}, so rows that are committed late may be missed"
    way = "read them again with  incremental: {lookback: …}"
    if exact:
        raise HomeError(
            f"{told}; the flow asks for guarantee: exactly-once",
            hint=f"{way}  and ask for  guarantee: effectively-once  with  mode: merge",
            code="HG515",
        )
    log.warning("%s; %s", told, way)


def patience() -> float:
    """Return until when to wait, by the monotonic clock."""
    return time.monotonic() + PATIENCE


def until_ended(
    open_now: Callable[[], Mapping[str, str]],
    first: Mapping[str, str],
    entity: str,
    hint: str,
    *,
    latest: float,
) -> None:
    """Return when none of the transactions `first` is open any more; new ones do not matter.

    Both tell transactions by what identifies them, with words for a person. Raises
    `OpenTransactionsError` with those that are left after `latest`, by `patience`'s clock.
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
