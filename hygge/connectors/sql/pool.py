"""Connections kept open between moves: at most so many at once, dead ones replaced before use."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

from hygge.connectors.sql.read_timeout import SilentError

C = TypeVar("C")

log = logging.getLogger(__name__)

_FEWEST = 2
"""What a move needs: a connection for questions and one for rows."""
_POLL_SECONDS = 0.2


class Pool:
    """How many connections of one home or store may be open at once, and those that rest.

    A move reserves what it needs to go on before it begins (`reserve`), so that moves cannot wait
    for each other in a circle, and takes more only where there is more (`spare`).
    """

    def __init__(self, limit: int, idle_seconds: float) -> None:
        self._limit = limit
        self._idle_seconds = idle_seconds
        self._used = 0
        self._changed = threading.Condition()
        self._resting: dict[Hashable, list[tuple[float, object, Callable[[], None]]]] = {}

    @contextmanager
    def reserve(self, wanted: int, check: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold the right to open `wanted` connections; waits, and `check` may raise to give up."""
        with self._changed:
            while self._used + min(wanted, self._limit) > self._limit:
                check()
                self._changed.wait(_POLL_SECONDS)
            wanted = min(wanted, self._limit)
            self._used += wanted
        try:
            yield
        finally:
            self.give_back(wanted)

    def spare(self, wanted: int) -> int:
        """Take the right to as many as `wanted` more connections as are free now; never waits."""
        with self._changed:
            taken = max(min(wanted, self._limit - self._used), 0)
            self._used += taken
            return taken

    def give_back(self, number: int) -> None:
        """Give back rights that `spare` took."""
        with self._changed:
            self._used -= number
            self._changed.notify_all()

    @contextmanager
    def lease(self, kind: Kind[C]) -> Iterator[C]:
        """Yield a connection that answers; a right to it must be held.

        It rests afterwards for whoever comes next, unless an error came through: then nobody knows
        what state it is in, and it is closed.
        """
        connection = self._wake(kind)
        if connection is None:
            connection = self._open(kind)
        try:
            yield connection
        except BaseException:
            with suppress(Exception):
                kind.close(connection)
            raise
        try:
            kind.reset(connection)
        except Exception:
            # Closed on purpose, or lost: what was done on it is done.
            with suppress(Exception):
                kind.close(connection)
        else:
            self._rest(kind, connection)

    def _open(self, kind: Kind[C]) -> C:
        """Open a connection; where the server has no more, give up those that rest, and try again.

        What it refuses then is not asked of it again: fewer moves go on at once.
        """
        try:
            return kind.open()
        except Exception as error:
            if isinstance(error.__cause__, SilentError) and self._used > _FEWEST:
                # A pooler that has no more lets a login wait without a word.
                self._lower()
            if not kind.is_full(error):
                raise
        self.close_idle()
        try:
            return kind.open()
        except Exception as error:
            if kind.is_full(error):
                self._lower()
            raise

    def _lower(self) -> None:
        with self._changed:
            fewer = max(min(self._used, self._limit) - 1, _FEWEST)
            if fewer < self._limit:
                log.warning(
                    "the server, or a pooler before it, gives no more connections: from here on at "
                    "most %d are used, though max_connections is %d",
                    fewer,
                    self._limit,
                )
                self._limit = fewer

    def _wake(self, kind: Kind[C]) -> C | None:
        while True:
            self.close_idle(self._idle_seconds)
            with self._changed:
                resting = self._resting.get(kind.name, [])
                if not resting:
                    return None
                _, connection, close = resting.pop()
            with suppress(Exception):
                if kind.is_alive(connection):  # type: ignore[arg-type]
                    return connection  # type: ignore[return-value]
            with suppress(Exception):
                close()

    def _rest(self, kind: Kind[C], connection: C) -> None:
        with self._changed:
            resting = self._resting.setdefault(kind.name, [])
            resting.append((time.monotonic(), connection, lambda: kind.close(connection)))

    def close_idle(self, seconds: float = 0.0) -> None:
        """Close the connections that have rested for at least so long."""
        latest = time.monotonic() - seconds
        with self._changed:
            old = [one for resting in self._resting.values() for one in resting if one[0] <= latest]
            for resting in self._resting.values():
                resting[:] = [one for one in resting if one[0] > latest]
        for _, _, close in old:
            with suppress(Exception):
                close()


class Reserved:
    """The right to one connection, which is held already, and to more while there are free ones.

    Several threads share it: one of them can always go on.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._own = threading.Semaphore(1)

    @contextmanager
    def right(self) -> Iterator[None]:
        """Hold the right to one connection; waits for the one that was held where none is free."""
        extra = 0
        if not self._own.acquire(blocking=False):
            extra = self._pool.spare(1)
            if not extra:
                self._own.acquire()
        try:
            yield
        finally:
            if extra:
                self._pool.give_back(extra)
            else:
                self._own.release()


class Kind(Generic[C]):
    """How connections of one kind are opened, tried, made as new and closed.

    A home may need two kinds to the same server: one for questions, one for bulk data.
    """

    def __init__(
        self,
        name: str,
        *,
        open: Callable[[], C],
        is_alive: Callable[[C], bool],
        reset: Callable[[C], None],
        close: Callable[[C], None],
        is_full: Callable[[Exception], bool] = lambda error: False,
    ) -> None:
        """`is_full` returns whether an error of `open` says that the server has no more."""
        self.name = name
        self.open = open
        self.is_alive = is_alive
        self.reset = reset
        self.close = close
        self.is_full = is_full


_pools: dict[Hashable, Pool] = {}
_lock = threading.Lock()


def pool_of(settings: Hashable, *, limit: int, idle_seconds: float) -> Pool:
    """Return the pool that all moves with equal settings share."""
    with _lock:
        return _pools.setdefault(settings, Pool(limit, idle_seconds))


def close_all() -> None:
    """Close every connection that rests, of all pools."""
    with _lock:
        pools = list(_pools.values())
    for pool in pools:
        pool.close_idle()


atexit.register(close_all)
