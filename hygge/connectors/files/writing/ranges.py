"""Keys that do not fit into memory, processed range by range; each row is read once.

Rows of later ranges are spilled to an unnamed file, which vanishes with the process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

KEY = "key"
"""Column of a batch that determines the range of its rows."""
_SAMPLED = 1000
"""Keys sampled from each batch to choose the ranges."""
_ROW_BYTES = 100
"""Bytes per key of Arrow's hash tables, at the worst load factor."""


@dataclass(frozen=True, slots=True)
class Range:
    """A half-open range of keys; None is unbounded."""

    low: pa.Scalar | None = None
    high: pa.Scalar | None = None

    def holds(self, keys: pa.Array) -> pa.Array | None:
        """Return which keys are in the range; None when all are."""
        import pyarrow.compute as pc

        tests = [] if self.low is None else [pc.greater_equal(keys, self.low)]
        tests += [] if self.high is None else [pc.less(keys, self.high)]
        if not tests:
            return None
        return tests[0] if len(tests) == 1 else pc.and_(*tests)


def ranges(arrays: Iterable[tuple[pa.Array, int]], most: int) -> list[Range]:
    """Return ranges of keys of about `most` bytes each, from sampled keys with their bytes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    size, samples = 0, []
    for keys, held in arrays:
        size += held + _ROW_BYTES * len(keys)
        step = max(len(keys) // _SAMPLED, 1)
        samples.append(keys.take(pa.array(range(0, len(keys), step), pa.int64())))
    number = -(-size // max(most, 1))
    if number < 2:
        return [Range()]
    found = pa.chunked_array(samples).combine_chunks().drop_null()
    ordered = pc.unique(found.take(pc.sort_indices(found)))
    places = sorted({len(ordered) * n // number for n in range(1, number)} - {0})
    bounds = [None, *(ordered[place] for place in places), None]
    return [Range(low, high) for low, high in pairwise(bounds)]


def by_range(
    batches: Iterable[pa.RecordBatch], spans: Sequence[Range], spill: Callable[[], IO[bytes]]
) -> Iterator[Iterable[pa.RecordBatch]]:
    """Yield the batches of each range, which must be consumed before the next range.

    The ranges are those of `ranges`: together they hold every key. Rows of several ranges are
    written to a file of `spill` on the way; a row without a key is in none of them then.
    """
    if len(spans) == 1:
        yield batches
        return
    with spill() as file:
        spilled = _Spill(file)
        for batch in batches:
            for number, rows in _parted(batch, spans):
                spilled.write(number, rows)
        for number in range(len(spans)):
            yield spilled.batches(number)


def _parted(batch: pa.RecordBatch, spans: Sequence[Range]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield the rows of a batch that are in each range, where there are any."""
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = batch.column(KEY)
    ends = pc.min_max(keys)
    if not ends["min"].is_valid:
        return
    both = pa.array([ends["min"], ends["max"]], keys.type)
    for number, span in enumerate(spans):
        if span.low is not None and pc.less(both[1], span.low).as_py():
            continue
        if span.high is not None and pc.greater_equal(both[0], span.high).as_py():
            continue
        inside = span.holds(keys)
        rows = batch if inside is None else batch.filter(inside)
        if rows.num_rows:
            yield number, rows


class _Spill:
    """Spilled batches in a file, by the number of their range."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._places: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self._schema: pa.Schema | None = None

    def write(self, number: int, batch: pa.RecordBatch) -> None:
        """Write a batch."""
        self._schema = batch.schema
        data = batch.serialize()
        self._places[number].append((self._file.tell(), data.size))
        self._file.write(data)

    def batches(self, number: int) -> Iterator[pa.RecordBatch]:
        """Yield the batches of a range, in the order in which they were written."""
        import pyarrow as pa

        for place, size in self._places.pop(number, ()):
            self._file.seek(place)
            yield pa.ipc.read_record_batch(pa.py_buffer(self._file.read(size)), self._schema)
