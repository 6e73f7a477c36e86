"""Staging of the splits of one move: read ahead, shaped, counted; errors attributed to a side."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from hygge.connector import ProjectContext, Reader, ReadRequest, Source, Target, Writer
from hygge.engine.plan import Move
from hygge.engine.snapshots import Snapshots
from hygge.errors import FlowError, HomeError, HyggeError
from hygge.incremental.backfill import Ends
from hygge.incremental.increment import Increment
from hygge.transform.counting import Counting, receipt_of
from hygge.transform.sieve import Sieve
from hygge.types.batches import MemoryBudget, ReadAhead
from hygge.types.value_checks import proved
from hygge.values.model import Event, MoveProgress, Part, Receipt, Split
from hygge.values.plurals import plural
from hygge.values.stop import Stop, Watch

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_TELL_SECONDS = 0.2

Engine = Callable[[Sequence[Split], Callable[[Split, Callable[[], None]], Part], int], list[Part]]
"""Runs the staging of every split with limited concurrency, and returns the parts in order."""


@dataclass(frozen=True, slots=True)
class RunScope:
    """State shared by all moves of a run."""

    run_id: str
    started_at: datetime
    context: ProjectContext
    budget: MemoryBudget
    max_value_bytes: int
    """Default maximum bytes of a value."""
    stop: Stop
    emit: Callable[[Event], None]
    engine: Engine
    batch_bytes: int
    splits: int
    """Concurrent splits of one entity with `parallel: auto`."""
    buffer_bytes: int = 2**25
    """Arrow bytes that the store may buffer for one entity, over all its splits."""
    commit_bytes: int = 2**26
    """Arrow bytes that a commit may hold in memory."""
    adopt: bool = False
    limit: int | None = None
    """Move at most this many rows of each entity."""
    salt: bytes | None = field(default=None, repr=False)
    """The key of masks by hash."""
    again: Ends | None = None
    """Move this range of the watermark columns again, instead of what is new."""
    snapshots: Snapshots = field(default_factory=Snapshots)
    """Snapshots of flows with `snapshot: shared`."""
    committing: set[tuple[str, str]] = field(default_factory=set)
    """Flow and entity of moves whose commit has begun; a stop waits for their outcome."""

    @contextmanager
    def commit_of(self, move: Move) -> Iterator[None]:
        """Make the coordinator wait for a commit, which must begin inside the block.

        Also for the steps after a published commit, which must never be reported as cancelled.
        """
        name = (move.flow, move.entity)
        self.committing.add(name)
        try:
            yield
        except BaseException:
            self.committing.discard(name)
            raise


@contextmanager
def blaming(side: type[HyggeError], what: str) -> Iterator[None]:
    """Convert errors of drivers and the system to `side`, keeping their message."""
    import pyarrow as pa

    try:
        yield
    except HyggeError:
        raise
    except MemoryError as error:
        raise FlowError(
            f"{what}: out of memory ({error})",
            hint="lower memory_limit or concurrency in hygge.yml",
            code="HG544",
        ) from error
    except (OSError, pa.ArrowException) as error:
        raise side(f"{what}: {error}") from error


class Progress:
    """Rows and Arrow bytes read by one attempt, reported a few times a second."""

    def __init__(self, scope: RunScope, move: Move, attempt: int, source: Source) -> None:
        self.rows = 0
        self.bytes = 0
        self._scope = scope
        self._move = move
        self._attempt = attempt
        self._source = source
        self._told = 0.0
        self._lock = threading.Lock()

    def add(self, rows: int, size: int) -> None:
        """Count a batch."""
        with self._lock:
            self.rows += rows
            self.bytes += size
            now = time.monotonic()
            if now - self._told < _TELL_SECONDS:
                return
            self._told = now
        self._scope.emit(
            MoveProgress(
                self._scope.run_id,
                self._move.flow,
                self._move.entity,
                self._attempt,
                self.rows,
                self.bytes,
                self._source.total_rows,
                self._share(),
            )
        )

    def _share(self) -> float | None:
        total = self._source.total_rows
        share = self._source.share_read() if total is None else self.rows / max(total, 1)
        return None if share is None else min(max(share, 0.0), 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """Moves splits from a source to a target, and proves that no row was lost."""

    source: Source
    reader: Reader
    """Reads the splits of `source`."""
    writer: Writer
    sieve: Sieve
    entity: str
    request: ReadRequest
    scope: RunScope
    watch: Watch
    progress: Progress
    increment: Increment | None = None
    """Excludes the rows that were moved before."""
    _counted: dict[int, Counting] = field(default_factory=dict)
    """Figures of each split that was read to its end."""
    _offered: dict[int, int] = field(default_factory=dict)

    def stage(self, split: Split, check_siblings: Callable[[], None]) -> Part:
        """Read, shape and stage one split; raises the first error."""
        import pyarrow as pa

        def check() -> None:
            self.watch.check()
            check_siblings()

        ahead = ReadAhead(
            lambda: self._read(split),
            self.scope.budget,
            batch_bytes=self.scope.batch_bytes,
            check=check,
        )
        first: list[Exception] = []
        with ahead:
            batches = _remembering(self._shaped(ahead, split), first)
            reader = pa.RecordBatchReader.from_batches(self.sieve.schema, batches)
            try:
                part = self.writer.stage(reader, split)
                log.debug("staged split %d: %d rows, %d bytes", split.number, part.rows, part.bytes)
                return part
            except BaseException as error:
                if not first or error is first[0]:
                    raise
        # Outside of the `except`: the store's error is a consequence, and `from` would drop the
        # cause by which a home recognizes transient errors.
        raise first[0]

    @contextmanager
    def _read(self, split: Split) -> Iterator[Iterable[pa.RecordBatch]]:
        with self.reader.read(split) as batches:
            shown = f"{self.entity} ({split.label})"
            yield batches if self.source.is_proved else proved(batches, shown, self.request)

    def _shaped(self, ahead: ReadAhead, split: Split) -> Iterator[pa.RecordBatch]:
        offered = 0
        counting = Counting(self.sieve.schema)
        with blaming(HomeError, f"cannot read {self.entity}"):
            for batch in self._limited(ahead.batches()):
                offered += batch.num_rows
                batch = self.sieve.shape.chosen(batch)
                if self.increment is not None:
                    batch = self.increment.new(batch)
                size = batch.nbytes
                batch = self.sieve.sift(batch, counting.rows)
                counting.add(batch)
                yield batch
                self.progress.add(batch.num_rows, size)
        self._counted[split.number] = counting
        self._offered[split.number] = offered

    def _limited(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Truncate the batches at the run's limit; splits then run one after the other."""
        limit = self.scope.limit
        for batch in batches:
            left = batch.num_rows if limit is None else limit - self.progress.rows
            if left <= 0:
                return
            yield batch.slice(0, left)

    def prove(self, parts: Sequence[Part]) -> Receipt:
        """Return the receipt of the staged rows if they match the read and the announced rows.

        Raises `FlowError` or `HomeError`; nothing may be published then.
        """
        self._check_staged(parts)
        self._check_promised()
        return receipt_of(self.sieve.schema, self._counted.values())

    def _check_staged(self, parts: Sequence[Part]) -> None:
        for part in parts:
            counted = self._counted.get(part.split)
            if counted is None or counted.rows != part.rows:
                read = "some rows" if counted is None else plural(counted.rows, "row")
                raise FlowError(
                    f"read {read} of {self.entity} but staged {part.rows:,}; nothing was published",
                    hint="run again; if it happens again, please report it",
                    code="HG531",
                )

    def _check_promised(self) -> None:
        promised = self.source.total_rows
        arrived = sum(self._offered.values())
        if self.scope.limit is None and promised not in (None, arrived):
            raise HomeError(
                f"expected {plural(promised, 'row')} of {self.entity} but read {arrived:,}; "
                "nothing was published",
                hint="the home changed while it was read, or is damaged: run again",
                code="HG504",
            )


def _remembering(
    batches: Iterator[pa.RecordBatch], first: list[Exception]
) -> Iterator[pa.RecordBatch]:
    """Keep the error that ended the batches, because the store's driver may replace it."""
    try:
        yield from batches
    except Exception as error:
        first.append(error)
        raise


@contextmanager
def discarding(target: Target) -> Iterator[None]:
    """Remove staged rows unless they were committed; an error there never hides the first one."""
    try:
        yield
    except BaseException as error:
        try:
            target.discard()
        except (HyggeError, OSError) as cleanup:
            error.add_note(f"and the staged data could not be removed: {cleanup}")
        raise
    target.discard()
