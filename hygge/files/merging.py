"""A merge of staged files into live ones: which rows stay, found with bounded memory.

Only key columns are read to find the rows whose keys are staged. Live files without such a row
stay as they are, linked; the others are written again without those rows. Keys that do not fit
into memory are taken in ranges, one after the other, each over the key columns only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hygge.connector import WriteRequest
from hygge.errors import StoreError
from hygge.files.keys import keys_of, shown
from hygge.files.record import PartFile
from hygge.files.rereading import PartReader

if TYPE_CHECKING:
    import pyarrow as pa

_LEAST_BYTES = 16 * 2**20
_SAMPLED = 1000
"""Keys of each batch that ranges are chosen by."""


@dataclass(slots=True)
class Dropped:
    """Rows of some files that do not stay, by the number of the file: row numbers, ascending."""

    rows: dict[int, list[pa.Array]] = field(default_factory=lambda: defaultdict(list))

    def add(self, file: int, rows: pa.Array) -> None:
        """Note rows of a file."""
        if len(rows):
            self.rows[file].append(rows)

    def count(self, file: int) -> int:
        """Return how many rows of a file do not stay."""
        return sum(map(len, self.rows.get(file, ())))

    @property
    def total(self) -> int:
        """How many rows of all files do not stay."""
        return sum(map(self.count, self.rows))

    def of(self, file: int) -> pa.Array:
        """Return the row numbers of a file, ascending."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = pa.chunked_array(self.rows[file], pa.int64()).combine_chunks()
        return found.take(pc.sort_indices(found)) if len(self.rows[file]) > 1 else found


@dataclass(frozen=True, slots=True)
class Range:
    """The keys from one bound to before another; None is no bound."""

    low: pa.Scalar | None = None
    high: pa.Scalar | None = None

    def holds(self, keys: pa.Array) -> pa.Array | None:
        """Return which keys are in it; None when all are."""
        import pyarrow.compute as pc

        tests = [] if self.low is None else [pc.greater_equal(keys, self.low)]
        tests += [] if self.high is None else [pc.less(keys, self.high)]
        if not tests:
            return None
        return tests[0] if len(tests) == 1 else pc.and_(*tests)


def ranges(arrays: Iterable[pa.Array], most: int) -> list[Range]:
    """Return ranges that hold about `most` bytes of some keys each."""
    import pyarrow as pa
    import pyarrow.compute as pc

    size, samples = 0, []
    for keys in arrays:
        size += keys.nbytes
        step = max(len(keys) // _SAMPLED, 1)
        samples.append(keys.take(pa.array(range(0, len(keys), step), pa.int64())))
    number = -(-size // max(most, _LEAST_BYTES))
    if number < 2:
        return [Range()]
    found = pa.chunked_array(samples).combine_chunks()
    ordered = pc.unique(found.take(pc.sort_indices(found)))
    places = sorted({len(ordered) * n // number for n in range(1, number)} - {0})
    bounds = [None, *(ordered[place] for place in places), None]
    return [Range(low, high) for low, high in pairwise(bounds)]


def first_double(
    reader: PartReader, parts: Sequence[PartFile], columns: Sequence[str], most: int
) -> dict[str, Any] | None:
    """Return values of `columns` that several rows of some files share; None when no two do."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def keys() -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
        for part in parts:
            yield from ((rows, keys_of(rows, columns)) for rows in reader.batches(part, columns))

    for span in ranges((one for _, one in keys()), most):
        held = []
        for _, found in keys():
            inside = span.holds(found)
            held.append((found if inside is None else found.filter(inside)).drop_null())
        counts = pc.value_counts(pa.chunked_array(held))
        double = pc.index(pc.greater(counts.field("counts"), 1), True).as_py()
        if double >= 0:
            return _values_of(counts.field("values")[double], keys(), columns)
    return None


def _values_of(
    key: pa.Scalar, rows: Iterable[tuple[pa.RecordBatch, pa.Array]], columns: Sequence[str]
) -> dict[str, Any] | None:
    import pyarrow.compute as pc

    for batch, found in rows:
        place = pc.index(found, key).as_py()
        if place >= 0:
            return {name: batch.column(name)[place].as_py() for name in columns}
    return None


class Merge:
    """The keys of staged files against those of live ones."""

    def __init__(
        self,
        request: WriteRequest,
        *,
        staged: Sequence[PartFile],
        live: Sequence[PartFile],
        new: PartReader,
        old: PartReader,
    ) -> None:
        self._request = request
        self._key = request.primary_key
        self._most = request.buffer_bytes
        self._staged, self._live = staged, live
        self._new, self._old = new, old
        self.losers = Dropped()
        """Staged rows whose key another staged row has with a higher claim."""
        self.replaced = Dropped()
        """Live rows whose key is staged."""

    def find(self) -> None:
        """Find the rows that do not stay. Raises `StoreError` for keys that several rows have."""
        if not any(part.rows for part in self._staged):
            return
        for span in self._ranges():
            keys = self._staged_keys(span)
            self._look_up(keys, span)

    def _ranges(self) -> list[Range]:
        """Return ranges whose staged keys fit into memory."""
        batches = self._batches(self._new, self._staged, self._key)
        return ranges((keys_of(batch, self._key) for _, _, batch in batches), self._most)

    def _batches(
        self, reader: PartReader, parts: Sequence[PartFile], columns: Sequence[str]
    ) -> Iterator[tuple[int, int, pa.RecordBatch]]:
        """Yield the number of the file, that of the first row, and rows."""
        for number, part in enumerate(parts):
            row = 0
            for batch in reader.batches(part, columns):
                yield number, row, batch
                row += batch.num_rows

    def _staged_keys(self, span: Range) -> pa.Array:
        """Return the staged keys of a range, having told the losers among equal ones."""
        import pyarrow as pa
        import pyarrow.compute as pc

        by = [name for name in self._request.dedupe_by if name not in self._key]
        tables = []
        for file, row, batch in self._batches(self._new, self._staged, [*self._key, *by]):
            keys = keys_of(batch, self._key)
            numbers = pa.array(range(row, row + len(keys)), pa.int64())
            columns = {"key": keys, "row": numbers, "file": pa.repeat(file, len(keys))}
            # Dedupe columns are sorted by; their own names may be anything.
            columns |= {f"by{n}": batch.column(name) for n, name in enumerate(by)}
            table, held = pa.table(columns), span.holds(keys)
            tables.append(table if held is None else table.filter(held))
        whole = pa.concat_tables(tables).combine_chunks()
        keys = whole.column("key").combine_chunks()
        different = pc.unique(keys)
        if len(different) < len(keys):
            self._choose(whole, keys, len(by))
        return different

    def _choose(self, rows: pa.Table, keys: pa.Array, by: int) -> None:
        """Tell which of the rows with equal keys lose: the highest stays, nulls are lowest."""
        import pyarrow as pa
        import pyarrow.compute as pc

        counts = pc.value_counts(keys)
        several = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
        rows = rows.filter(pc.is_in(keys, several))
        names = [f"by{n}" for n in range(by)]
        order = pc.sort_indices(
            rows,
            sort_keys=[("key", "ascending"), *((name, "descending") for name in names)],
        )
        rows = rows.take(order)
        same = _as_before(rows, ["key"])
        tied = pc.and_(same, _as_before(rows, ["key", *names]))
        first = pc.invert(same)
        # Only a row that would win is in question; ties below it do not matter.
        contested = pc.and_(tied, pa.concat_arrays([pa.array([False]), first[:-1]]))
        if pc.any(contested).as_py():
            self._refuse(rows, pc.index(contested, True).as_py())
        lost = rows.filter(same)
        for file in pc.unique(lost.column("file")).to_pylist():
            mine = lost.filter(pc.equal(lost.column("file"), file)).column("row").combine_chunks()
            self.losers.add(file, mine.take(pc.sort_indices(mine)))

    def _refuse(self, rows: pa.Table, place: int) -> None:
        import pyarrow.compute as pc

        key = rows.column("key")[place]
        count = pc.sum(pc.equal(rows.column("key"), key)).as_py()
        file, row = rows.column("file")[place].as_py(), rows.column("row")[place].as_py()
        names = self._told(self._new, self._staged[file], row)
        raise _several(names, count, "were read", "say which is right with  dedupe_by: <column>")

    def _told(self, reader: PartReader, part: PartFile, row: int) -> dict[str, str]:
        for batch in reader.batches(part, self._key):
            if row < batch.num_rows:
                return shown(batch, self._key, row)
            row -= batch.num_rows
        return {}

    def _look_up(self, keys: pa.Array, span: Range) -> None:
        """Find the live rows whose key is among the staged ones."""
        import pyarrow as pa
        import pyarrow.compute as pc

        hits = []
        for file, row, batch in self._batches(self._old, self._live, self._key):
            found = keys_of(batch, self._key)
            is_hit = pc.is_in(found, keys)
            if not pc.any(is_hit).as_py():
                continue
            self.replaced.add(file, pc.add(pc.indices_nonzero(is_hit).cast(pa.int64()), row))
            hits.append(found.filter(is_hit))
        if sum(map(len, hits)) > len(keys):
            self._refuse_live(pa.chunked_array(hits))
        whole = pa.chunked_array(hits, keys.type)
        if len(pc.unique(whole)) < len(whole):
            self._refuse_live(whole)

    def _refuse_live(self, hits: pa.ChunkedArray) -> None:
        import pyarrow.compute as pc

        counts = pc.value_counts(hits)
        place = pc.index(pc.greater(counts.field("counts"), 1), True).as_py()
        key, count = counts.field("values")[place], counts.field("counts")[place].as_py()
        for file, _, batch in self._batches(self._old, self._live, self._key):
            row = pc.index(keys_of(batch, self._key), key).as_py()
            if row >= 0:
                hint = f"remove all but one from {self._live[file].name} and its like"
                raise _several(shown(batch, self._key, row), count, "are in the store", hint)


def _as_before(rows: pa.Table, names: Sequence[str]) -> pa.Array:
    """Return for each row whether it has the values of the row before it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    same = pa.repeat(True, max(rows.num_rows - 1, 0))
    for name in names:
        column = rows.column(name).combine_chunks()
        one, other = column[1:], column[:-1]
        both_null = pc.and_(pc.is_null(one), pc.is_null(other))
        equal = pc.or_(pc.fill_null(pc.equal(one, other), False), both_null)
        same = pc.and_(same, equal)
    return pa.concat_arrays([pa.array([False]), same]) if rows.num_rows else same


def _several(key: dict[str, str], count: int, where: str, hint: str) -> StoreError:
    shown_key = ", ".join(f"{name} = {value}" for name, value in key.items())
    return StoreError(
        f"{count:,} rows with the key {shown_key} {where}, and nothing tells which is right; "
        "nothing was published",
        hint=hint,
        code="HG547",
    )
