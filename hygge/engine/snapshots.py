"""One snapshot for all entities of a flow: opened by its first move, closed after its last."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import partial

from hygge.connector import Home, ReadRequest
from hygge.engine.plan import Move
from hygge.errors import Cancelled, FlowError, HomeError, HyggeError
from hygge.values.log_context import bound

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1


class Snapshots:
    """The snapshots of a run's flows with `snapshot: shared`; safe for use from any thread."""

    def __init__(self, moves: Iterable[Move] = ()) -> None:
        sharing = [move for move in moves if move.shares_snapshot]
        self._left = Counter(move.flow for move in sharing)
        self._bounded: dict[str, list[ReadRequest]] = {}
        for move in sharing:
            request = move.bounded_request()
            if request.watermark is not None:
                self._bounded.setdefault(move.flow, []).append(request)
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()

    def of(self, move: Move, home: Home, check: Callable[[], None]) -> object | None:
        """Return the snapshot of a move; None when its entities share none.

        The first caller opens it, and others wait; `check` may raise to give up the wait. Raises
        `HomeError` when it cannot be opened; no move has read under it then, so the next caller
        tries again.
        """
        if not move.shares_snapshot:
            return None
        with self._lock:
            if self._left[move.flow] <= 0:
                raise Cancelled("the run continued without this move; nothing was published")
            held = self._held.get(move.flow)
            if held is None or held.error is not None:
                held = self._held[move.flow] = _Held(
                    move, partial(home.snapshot, self._bounded.get(move.flow, ()))
                )
        return held.value(check)

    def end(self, move: Move) -> None:
        """Note that a move has ended, with any outcome, or was never begun. Never waits."""
        if not move.shares_snapshot:
            return
        with self._lock:
            self._left[move.flow] -= 1
            held = self._held.get(move.flow) if self._left[move.flow] <= 0 else None
        if held is not None:
            held.close()

    def wait(self, seconds: float) -> None:
        """Wait until all snapshots are closed, at most `seconds`."""
        latest = time.monotonic() + seconds
        with self._lock:
            everything = list(self._held.values())
        for held in everything:
            held.close()
            held.join(max(latest - time.monotonic(), 0.0))


class _Held:
    """A snapshot that is opened and closed by its own thread.

    So the wait for a hanging home can be given up, and the snapshot outlives the move that opened
    it.
    """

    def __init__(self, move: Move, opening: Callable[[], AbstractContextManager[object]]) -> None:
        self.error: BaseException | None = None
        """Why it could not be opened."""
        self._move = move
        self._opening = opening
        self._value: object = None
        self._is_open = threading.Event()
        self._is_over = threading.Event()
        self._thread = threading.Thread(
            target=bound(self._hold), name=f"hygge-snapshot-{move.flow}", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError as error:
            self.error = error
            self._is_open.set()

    def value(self, check: Callable[[], None]) -> object:
        """Wait for and return the value of the home."""
        while not self._is_open.wait(_POLL_SECONDS):
            check()
        if self.error is not None:
            raise self._failure(self.error)
        return self._value

    def close(self) -> None:
        """Release the snapshot."""
        self._is_over.set()

    def join(self, seconds: float) -> None:
        """Wait until the home has closed the snapshot, at most `seconds`."""
        if not self._is_open.is_set() or self._thread.ident is None:
            return
        self._thread.join(seconds)
        if self._thread.is_alive():
            log.warning("the snapshot of %s is still closing", self._move.home_name)

    def _hold(self) -> None:
        try:
            with self._opening() as self._value:
                self._is_open.set()
                self._is_over.wait()
        except BaseException as error:
            # A driver's panic is no Exception; in a thread it would be lost.
            if self._is_open.is_set():
                log.warning("closing the snapshot of %s failed: %s", self._move.home_name, error)
            else:
                self.error = error
        finally:
            self._is_open.set()

    def _failure(self, error: BaseException) -> BaseException:
        """Return the error for each move of the flow."""
        import pyarrow as pa

        if isinstance(error, RuntimeError) and self._thread.ident is None:
            return FlowError(
                f"the system allows no more threads ({error})",
                hint="lower concurrency in hygge.yml",
                code="HG544",
            )
        what = f"cannot open a consistent snapshot of the entities of {self._move.flow}: {error}"
        if isinstance(error, HyggeError):
            failure = HomeError(what, hint=error.hint, code=error.code)
        elif isinstance(error, OSError | pa.ArrowException):
            failure = HomeError(what)
        else:
            return error
        failure.__cause__ = error
        return failure
