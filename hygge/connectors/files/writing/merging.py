"""A merge of staged files into live ones: finds the rows to drop, with bounded memory.

Only key columns are read to find the rows whose keys are staged. Live files without such rows are
linked; the others are rewritten without those rows. Keys that do not fit into memory are processed
in ranges, each over the key columns only.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import IO, TYPE_CHECKING, Any

from hygge.connector import WriteRequest
from hygge.connectors.files.records import PartFile
from hygge.connectors.files.writing.keys import keys_of, shown
from hygge.connectors.files.writing.ranges import KEY, Range, by_range, ranges
from hygge.connectors.files.writing.rereading import PartReader
from hygge.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

_LEAST_BYTES = 16 * 2**20
"""Minimum bytes for which building another look-up table pays off."""
_UNPACKED = 8
"""Assumed ratio of rows in memory to their size in a file."""
_PIECE_ROWS = 2**20
"""Rows whose bits are computed at once."""


@dataclass(slots=True)
class Dropped:
    """The dropped rows of some files, by file number: one bit per row."""

    masks: dict[int, pa.Array] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)

    def add(self, file: int, mask: pa.Array) -> None:
        """Add dropped rows of a file, by a mask of all its rows; none was added before."""
        import pyarrow.compute as pc

        count = pc.sum(mask).as_py()
        if count:
            known = self.masks.get(file)
            self.masks[file] = mask if known is None else pc.or_(known, mask)
            self.counts[file] = self.count(file) + count

    def count(self, file: int) -> int:
        """Return the number of dropped rows of a file."""
        return self.counts.get(file, 0)

    @property
    def total(self) -> int:
        """Number of dropped rows of all files."""
        return sum(self.counts.values())

    def staying(self, file: int, batch: pa.RecordBatch, first: int) -> pa.Array | None:
        """Return which rows of a batch that begins at row `first` remain; None for all."""
        import pyarrow.compute as pc

        mask = self.masks.get(file)
        return None if mask is None else pc.invert(mask.slice(first, batch.num_rows))


def grouped(batches: Iterable[pa.RecordBatch], most: int) -> Iterator[list[pa.RecordBatch]]:
    """Yield batches in lists of about `most` bytes."""
    group: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        group.append(batch)
        size += batch.nbytes
        if size >= max(most, _LEAST_BYTES):
            yield group
            group, size = [], 0
    if group:
        yield group


def first_double(
    reader: PartReader,
    parts: Sequence[PartFile],
    columns: Sequence[str],
    *,
    most: int,
    spill: Callable[[], IO[bytes]],
) -> dict[str, Any] | None:
    """Return values of `columns` that several rows of some files share; None without duplicates.

    Keys of more than `most` bytes are looked at range by range, from files of `spill`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    def rows() -> Iterator[pa.RecordBatch]:
        for part in parts:
            yield from reader.batches(part, columns)

    def keys() -> Iterator[pa.Array]:
        return (keys_of(batch, columns) for batch in rows())

    spans = ranges(((one, one.nbytes) for one in keys()), most)
    named = (pa.record_batch({KEY: one}) for one in keys())
    for found in by_range(named, spans, spill):
        counts = pc.value_counts(pa.chunked_array([one.column(KEY).drop_null() for one in found]))
        double = pc.index(pc.greater(counts.field("counts"), 1), True).as_py()
        if double >= 0:
            return _values_of(counts.field("values")[double], rows(), columns)
    return None


def _values_of(
    key: pa.Scalar, rows: Iterable[pa.RecordBatch], columns: Sequence[str]
) -> dict[str, Any] | None:
    import pyarrow.compute as pc

    for batch in rows:
        place = pc.index(keys_of(batch, columns), key).as_py()
        if place >= 0:
            return {name: batch.column(name)[place].as_py() for name in columns}
    return None


class Merge:
    """The look-up of staged keys in live files."""

    def __init__(
        self,
        request: WriteRequest,
        *,
        staged: Sequence[PartFile],
        live: Sequence[PartFile],
        new: PartReader,
        old: PartReader,
        spill: Callable[[], IO[bytes]],
    ) -> None:
        self._request = request
        self._key = request.primary_key
        self._by = [name for name in request.dedupe_by if name not in request.primary_key]
        self._most = request.commit_bytes
        self._staged, self._live = staged, live
        self._new, self._old = new, old
        self._spill = spill
        self.losers = Dropped()
        """Staged rows whose key another staged row has with a higher claim."""
        self.replaced = Dropped()
        """Live rows whose key is staged."""

    def find(self) -> None:
        """Find the rows to drop. Raises `StoreError` for duplicate keys."""
        if not any(part.rows for part in self._staged):
            return
        spans = self._ranges()
        staged = by_range(self._rows(self._new, self._staged, self._by), spans, self._spill)
        live = by_range(self._rows(self._old, self._live), spans, self._spill)
        for own, others in zip(staged, live, strict=True):
            self._look_up(self._staged_keys(own), others)

    def _ranges(self) -> list[Range]:
        """Return ranges whose staged keys fit into memory."""
        rows = self._rows(self._new, self._staged, self._by)
        return ranges(((batch.column(KEY), batch.nbytes) for batch in rows), self._most)

    @property
    def _numbered(self) -> list[str]:
        """Names of the columns of `dedupe_by` in these tables, free of conflicts."""
        return [f"by{n}" for n in range(len(self._by))]

    def _rows(
        self, reader: PartReader, parts: Sequence[PartFile], by: Sequence[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Yield the key of each row, its number among the rows of all files, and columns `by`."""
        import pyarrow as pa

        row = 0
        for part in parts:
            for batch in reader.batches(part, [*self._key, *by]):
                columns = {KEY: keys_of(batch, self._key), "row": _counted(row, batch.num_rows)}
                columns |= {f"by{n}": _sortable(batch.column(name)) for n, name in enumerate(by)}
                row += batch.num_rows
                yield pa.record_batch(columns)

    def _staged_keys(self, rows: Iterable[pa.RecordBatch]) -> pa.Array:
        """Return the distinct keys of staged rows, after dropping all but the winning rows."""
        import pyarrow as pa
        import pyarrow.compute as pc

        whole = pa.Table.from_batches(rows).combine_chunks()
        keys = whole.column(KEY).combine_chunks()
        different = pc.unique(keys)
        if len(different) < len(keys):
            self._choose(whole, keys)
        return different

    def _choose(self, rows: pa.Table, keys: pa.Array) -> None:
        """Drop all but the highest of the rows with equal keys; nulls are lowest."""
        import pyarrow.compute as pc

        counts = pc.value_counts(keys)
        several = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
        rows = rows.filter(pc.is_in(keys, several))
        names = self._numbered
        order = pc.sort_indices(
            rows,
            sort_keys=[(KEY, "ascending"), *((name, "descending") for name in names)],
        )
        rows = rows.take(order)
        same = _as_before(rows, [KEY])
        self._check_ties(rows, pc.and_(same, _as_before(rows, names)), pc.invert(same))
        _drop(rows.filter(same).column("row"), self._staged, self.losers)

    def _check_ties(self, rows: pa.Table, tied: pa.Array, first: pa.Array) -> None:
        """Raise for rows that are tied with the row before and differ from it.

        Only rows that would win are compared; ties below them do not matter.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        starts = pc.indices_nonzero(pc.invert(tied))
        run = pc.subtract(pc.cumulative_sum(pc.invert(tied).cast("int64")), 1)
        places = pc.indices_nonzero(pc.and_(tied, first.take(starts.take(run))))
        numbers = rows.column("row").combine_chunks()
        size = sum(part.bytes for part in self._staged) // sum(part.rows for part in self._staged)
        step = max(self._most // max(_UNPACKED * size, 1), 1)
        for start in range(0, len(places), step):
            later = places.slice(start, step).cast("int64")
            earlier = pc.subtract(later, 1)
            known, found = self._rows_at(numbers.take(pa.concat_arrays([earlier, later])))
            one, other = (
                found.take(pc.index_in(numbers.take(which), known)) for which in (earlier, later)
            )
            if not one.equals(other):
                self._refuse(rows, later[_first_difference(one, other)].as_py())

    def _rows_at(self, numbers: pa.Array) -> tuple[pa.Array, pa.Table]:
        """Return the staged rows with some numbers, and their numbers in the same order."""
        import pyarrow as pa
        import pyarrow.compute as pc

        row, known, found = 0, [], []
        for part in self._staged:
            for batch in self._new.batches(part):
                own = _counted(row, batch.num_rows)
                row += batch.num_rows
                wanted = pc.is_in(own, numbers)
                known.append(own.filter(wanted))
                found.append(batch.filter(wanted))
        return pa.concat_arrays(known), pa.Table.from_batches(found)

    def _refuse(self, rows: pa.Table, place: int) -> None:
        import pyarrow.compute as pc

        key = rows.column(KEY)[place]
        count = pc.sum(pc.equal(rows.column(KEY), key)).as_py()
        names = self._told(rows.column("row")[place].as_py())
        raise _several(names, count, "were read", "decide with  dedupe_by: <column>")

    def _told(self, row: int) -> dict[str, str]:
        for part in self._staged:
            for batch in self._new.batches(part, self._key):
                if row < batch.num_rows:
                    return shown(batch, self._key, row)
                row -= batch.num_rows
        return {}

    def _look_up(self, keys: pa.Array, live: Iterable[pa.RecordBatch]) -> None:
        """Find the live rows whose key is among the staged ones."""
        import pyarrow as pa
        import pyarrow.compute as pc

        hits = []
        # Each look-up builds a table of the staged keys, so many rows are looked up at once.
        for group in grouped(live, self._most):
            rows = pa.Table.from_batches(group)
            hits.append(rows.filter(pc.is_in(rows.column(KEY), keys)))
        if not hits:
            return
        found = pa.concat_tables(hits)
        _drop(found.column("row"), self._live, self.replaced)
        whole = found.column(KEY)
        if len(whole) > len(keys) or len(pc.unique(whole)) < len(whole):
            self._refuse_live(whole)

    def _refuse_live(self, hits: pa.ChunkedArray) -> None:
        import pyarrow.compute as pc

        counts = pc.value_counts(hits)
        place = pc.index(pc.greater(counts.field("counts"), 1), True).as_py()
        key, count = counts.field("values")[place], counts.field("counts")[place].as_py()
        for part in self._live:
            for batch in self._old.batches(part, self._key):
                row = pc.index(keys_of(batch, self._key), key).as_py()
                if row >= 0:
                    hint = (
                        "replace all rows in the store, one row for each key:  hygge go "
                        f"{self._request.flow} --full-refresh"
                    )
                    raise _several(shown(batch, self._key, row), count, "are in the store", hint)


def _first_difference(one: pa.Table, other: pa.Table) -> int:
    """Return the number of the first row in which two different tables differ."""
    low, high = 0, one.num_rows
    while high - low > 1:
        middle = (low + high) // 2
        if one.slice(low, middle - low).equals(other.slice(low, middle - low)):
            low = middle
        else:
            high = middle
    return low


def _as_before(rows: pa.Table, names: Sequence[str]) -> pa.Array:
    """Return for each row whether it equals the row before it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    same = pa.repeat(True, max(rows.num_rows - 1, 0))
    for name in names:
        column = rows.column(name).combine_chunks()
        one, other = column[1:], column[:-1]
        both_null = pc.and_(pc.is_null(one), pc.is_null(other))
        equal = pc.or_(pc.fill_null(pc.equal(one, other), False), both_null)
        if pa.types.is_floating(column.type):
            both_nan = pc.and_(pc.is_nan(one), pc.is_nan(other))
            equal = pc.or_(equal, pc.fill_null(both_nan, False))
        same = pc.and_(same, equal)
    return pa.concat_arrays([pa.array([False]), same]) if rows.num_rows else same


def _sortable(array: pa.Array) -> pa.Array:
    """Return values in a sortable type without dictionaries."""
    import pyarrow as pa

    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.cast(pa.float32()) if pa.types.is_float16(array.type) else array


def _counted(first: int, count: int) -> pa.Array:
    """Return consecutive integers from `first` on."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), count), start=first - 1)


def _drop(rows: pa.ChunkedArray, parts: Sequence[PartFile], dropped: Dropped) -> None:
    """Drop rows, given by their numbers among the rows of all files."""
    import pyarrow.compute as pc

    ordered = rows.take(pc.sort_indices(rows)).combine_chunks()
    starts = list(accumulate((part.rows for part in parts), initial=0))
    done = 0
    while done < len(ordered):
        file = bisect_right(starts, ordered[done].as_py()) - 1
        end = _place(ordered, starts[file + 1])
        mine = pc.subtract(ordered.slice(done, end - done), starts[file])
        dropped.add(file, _mask(mine, parts[file].rows))
        done = end


def _mask(ordered: pa.Array, count: int) -> pa.Array:
    """Return the mask of `count` rows for some row numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    masks, done = [], 0
    for first in range(0, count, _PIECE_ROWS):
        last = min(first + _PIECE_ROWS, count) - 1
        end = _place(ordered, last + 1)
        here = pc.subtract(ordered.slice(done, end - done), first)
        masks.append(pc.inverse_permutation(here, max_index=last - first).is_valid())
        done = end
    return pa.concat_arrays(masks)


def _place(ordered: pa.Array, number: int) -> int:
    """Return the insertion point of a number in a sorted array."""
    return bisect_left(range(len(ordered)), number, key=lambda place: ordered[place].as_py())


def _several(key: dict[str, str], count: int, where: str, hint: str) -> StoreError:
    shown_key = ", ".join(f"{name} = {value}" for name, value in key.items())
    return StoreError(
        f"{count:,} rows with the key {shown_key} {where}, and it is not defined which one to "
        "keep; nothing was published",
        hint=hint,
        code="HG547",
    )
