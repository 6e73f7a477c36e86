"""A pool of connections: limited in number, kept open between moves, tested before use."""

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
"""Connections that a move needs: one for queries and one for rows."""
_POLL_SECONDS = 0.2


class Pool:
    """The connection slots of one home or store, and its idle connections.

    A move reserves the slots it needs before it begins (`reserve`), so moves cannot deadlock, and
    takes further slots only while some are free (`spare`).
    """

    def __init__(self, limit: int, idle_seconds: float) -> None:
        self._limit = limit
        self._idle_seconds = idle_seconds
        self._used = 0
        self._changed = threading.Condition()
        self._idle: dict[Hashable, list[tuple[float, object, Callable[[], None]]]] = {}

    @contextmanager
    def reserve(self, wanted: int, check: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold `wanted` slots; waits until they are free, and `check` may raise to give up."""
        with self._changed:
            while self._used + min(wanted, self._limit) > self._limit:
                check()
                self._changed.wait(_POLL_SECONDS)
            wanted = min(wanted, self._limit)
            self._used += wanted
        try:
            yield
        finally:
            self.release(wanted)

    def spare(self, wanted: int) -> int:
        """Take up to `wanted` slots that are free now; return how many. Never waits."""
        with self._changed:
            taken = max(min(wanted, self._limit - self._used), 0)
            self._used += taken
            return taken

    def release(self, number: int) -> None:
        """Release slots that `spare` took."""
        with self._changed:
            self._used -= number
            self._changed.notify_all()

    @contextmanager
    def lease(self, kind: ConnectionKind[C]) -> Iterator[C]:
        """Yield a tested connection; a slot must be held.

        It is idle afterwards and can be leased again. After an error its state is unknown, and it
        is closed.
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
            # Closed on purpose, or lost after its work was done.
            with suppress(Exception):
                kind.close(connection)
        else:
            self._rest(kind, connection)

    def _open(self, kind: ConnectionKind[C]) -> C:
        """Open a connection; where the server is full, close the idle ones and try again.

        If the server refuses again, the limit is lowered, and fewer moves run at once.
        """
        try:
            return kind.open()
        except Exception as error:
            if isinstance(error.__cause__, SilentError) and self._used > _FEWEST:
                # A pooler without a free connection blocks a login silently.
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
                    "the server, or its pooler, refuses more connections: from now on at most %d "
                    "are used, although max_connections is %d",
                    fewer,
                    self._limit,
                )
                self._limit = fewer

    def _wake(self, kind: ConnectionKind[C]) -> C | None:
        while True:
            self.close_idle(self._idle_seconds)
            with self._changed:
                idle = self._idle.get(kind.name, [])
                if not idle:
                    return None
                _, connection, close = idle.pop()
            with suppress(Exception):
                if kind.is_alive(connection):  # type: ignore[arg-type]
                    return connection  # type: ignore[return-value]
            with suppress(Exception):
                close()

    def _rest(self, kind: ConnectionKind[C], connection: C) -> None:
        with self._changed:
            idle = self._idle.setdefault(kind.name, [])
            idle.append((time.monotonic(), connection, lambda: kind.close(connection)))

    def close_idle(self, seconds: float = 0.0) -> None:
        """Close the connections that were idle for at least `seconds`."""
        latest = time.monotonic() - seconds
        with self._changed:
            old = [one for idle in self._idle.values() for one in idle if one[0] <= latest]
            for idle in self._idle.values():
                idle[:] = [one for one in idle if one[0] > latest]
        for _, _, close in old:
            with suppress(Exception):
                close()


class Reserved:
    """One reserved slot, and further slots while some are free.

    Several threads share it; one of them can always proceed.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._own = threading.Semaphore(1)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one slot; waits for the reserved one where no other is free."""
        extra = 0
        if not self._own.acquire(blocking=False):
            extra = self._pool.spare(1)
            if not extra:
                self._own.acquire()
        try:
            yield
        finally:
            if extra:
                self._pool.release(extra)
            else:
                self._own.release()


class ConnectionKind(Generic[C]):
    """How connections of one kind are opened, tested, reset and closed.

    A home may need two kinds for the same server: one for queries, one for bulk data.
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
    """Close every idle connection of all pools."""
    with _lock:
        pools = list(_pools.values())
    for pool in pools:
        pool.close_idle()


atexit.register(close_all)
