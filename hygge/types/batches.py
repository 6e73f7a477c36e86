"""Batches in transit: sized by bytes, read ahead by a thread, limited by a memory budget."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Self

from hygge.errors import FlowError
from hygge.values.log_context import bound

if TYPE_CHECKING:
    import pyarrow as pa

_POLL_SECONDS = 0.2
_DEPTH = 2
_JOIN_SECONDS = 5.0


class MemoryBudget:
    """The Arrow bytes that all moves of a run may hold at once.

    A reader takes memory before it reads and gives it back when the batch was staged. A thread that
    waits in `take` holds nothing that others need, so the budget cannot deadlock. A batch larger
    than the whole budget passes when it is the only one.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.peak = 0
        self._changed = threading.Condition()

    def take(self, size: int, check: Callable[[], None]) -> None:
        """Wait until `size` bytes are free, then hold them; `check` may raise to give up."""
        with self._changed:
            while self.used and self.used + size > self.limit:
                check()
                self._changed.wait(_POLL_SECONDS)
            self._add(size)

    def correct(self, difference: int) -> None:
        """Hold `difference` bytes more (or fewer) than was estimated; never waits."""
        with self._changed:
            self._add(difference)
            self._changed.notify_all()

    def give(self, size: int) -> None:
        """Release `size` bytes."""
        self.correct(-size)

    def _add(self, size: int) -> None:
        self.used += size
        self.peak = max(self.peak, self.used)


class _Account:
    """The share of one reader in the budget. After `settle` it holds nothing, whatever happens.

    So a batch that a failed store still references, or a reader that hangs, does not withhold
    memory from other moves.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._held = 0
        self._is_settled = False
        self._lock = threading.Lock()

    def take(self, size: int, check: Callable[[], None]) -> None:
        self._budget.take(size, check)
        with self._lock:
            if self._is_settled:
                self._budget.give(size)
            else:
                self._held += size

    def correct(self, difference: int) -> None:
        with self._lock:
            if not self._is_settled:
                self._held += difference
                self._budget.correct(difference)

    def settle(self) -> None:
        with self._lock:
            self._is_settled = True
            self._budget.give(self._held)
            self._held = 0


def data_bytes(batch: pa.RecordBatch) -> int:
    """Return the Arrow bytes of a batch without its dictionaries, which slices share."""
    import pyarrow as pa

    return sum(
        column.indices.nbytes if pa.types.is_dictionary(column.type) else column.nbytes
        for column in batch.columns
    )


def sized(batches: Iterable[pa.RecordBatch], batch_bytes: int) -> Iterator[pa.RecordBatch]:
    """Yield the same rows in batches of about `batch_bytes`: large ones sliced, small ones joined.

    A row wider than `batch_bytes` is a batch of its own. Empty batches are dropped.
    """
    small: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        if batch.num_rows == 0:
            continue
        size = data_bytes(batch)
        is_large = size >= batch_bytes // 2
        if small and (is_large or held + size > batch_bytes):
            yield from _joined(small)
            small, held = [], 0
        if is_large:
            yield from _sliced(batch, size, batch_bytes)
        else:
            small.append(batch)
            held += size
    if small:
        yield from _joined(small)


def _joined(batches: list[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
    import pyarrow as pa

    if len(batches) == 1:
        return batches
    try:
        return [pa.concat_batches(batches)]
    except pa.ArrowInvalid:
        # The joined dictionaries have more values than the index type can count.
        return batches


def _sliced(batch: pa.RecordBatch, size: int, batch_bytes: int) -> Iterator[pa.RecordBatch]:
    if size <= 2 * batch_bytes:
        yield batch
        return
    rows = max(1, batch.num_rows * batch_bytes // size)
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


class ReadAhead:
    """Reads one split in its own thread, a few batches ahead of the consumer.

    The reader is opened and closed inside the thread. Its error is kept in `error`, because a
    store's driver may replace the home's error with its own.
    """

    def __init__(
        self,
        opener: Callable[[], AbstractContextManager[Iterable[pa.RecordBatch]]],
        budget: MemoryBudget,
        *,
        batch_bytes: int,
        check: Callable[[], None],
    ) -> None:
        self.error: BaseException | None = None
        self._opener = opener
        self._account = _Account(budget)
        self._batch_bytes = batch_bytes
        self._check = check
        self._ready: deque[tuple[pa.RecordBatch, int]] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._closed = False
        self._thread = threading.Thread(target=bound(self._run), name="hygge-read", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._thread.start()
        except RuntimeError as error:
            raise FlowError(
                f"the system allows no more threads ({error})",
                hint="lower concurrency in hygge.yml, or raise the limit:  ulimit -u",
                code="HG544",
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(_JOIN_SECONDS)
        with self._changed:
            self._ready.clear()
        self._account.settle()

    def batches(self) -> Generator[pa.RecordBatch, None, None]:
        """Yield every batch of the split; raise the home's error where it occurred."""
        while (item := self._next()) is not None:
            batch, size = item
            del item
            try:
                yield batch
                del batch
            finally:
                self._account.correct(-size)
        if self.error is not None:
            raise self.error

    def _next(self) -> tuple[pa.RecordBatch, int] | None:
        with self._changed:
            while not self._ready and not self._ended:
                self._check()
                self._changed.wait(_POLL_SECONDS)
            self._check()
            item = self._ready.popleft() if self._ready else None
            self._changed.notify_all()
            return item

    def _run(self) -> None:
        try:
            with self._opener() as reader:
                self._read(sized(self._open_batches(reader), self._batch_bytes))
        except _Closed:
            pass  # the consumer stopped for a reason of its own, which an error here would hide
        except BaseException as error:
            self.error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _open_batches(self, reader: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Open the batches, and notice a stopped consumer even while small batches are joined."""
        for batch in reader:
            self._check_open()
            yield batch

    def _read(self, batches: Iterator[pa.RecordBatch]) -> None:
        guess = self._batch_bytes
        while True:
            self._wait_for_room()
            self._account.take(guess, self._check_open)
            batch = None
            try:
                batch = next(batches, None)
            finally:
                size = 0 if batch is None else batch.nbytes
                self._account.correct(size - guess)
            if batch is None:
                return
            guess = size
            self._put(batch, size)

    def _wait_for_room(self) -> None:
        with self._changed:
            while len(self._ready) >= _DEPTH and not self._closed:
                self._changed.wait(_POLL_SECONDS)
        self._check_open()

    def _put(self, batch: pa.RecordBatch, size: int) -> None:
        with self._changed:
            self._check_open()
            self._ready.append((batch, size))
            self._changed.notify_all()

    def _check_open(self) -> None:
        if self._closed:
            raise _Closed


class _Closed(Exception):
    """The consumer stopped before the end."""
