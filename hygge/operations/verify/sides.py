"""The two sides of a comparison: the home's rows as staged by a move, and the store's rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hygge.connector import Source
from hygge.errors import FlowError
from hygge.operations.verify.tallies import Numbered
from hygge.settings.move import Incremental, MoveSettings
from hygge.transform.shape import Shape
from hygge.transform.sieve import Sieve
from hygge.types.checksums import as_plain, plain
from hygge.types.digests import DIGEST, digests
from hygge.types.ordering import Ordering
from hygge.values.model import Commit, Mode, Watermark
from hygge.values.requests import DELETED_AT

if TYPE_CHECKING:
    import pyarrow as pa

OWN = "_hygge_"
"""Name prefix of columns that hygge adds."""
Check = Callable[[], None]
Shown = Callable[["pa.RecordBatch"], "pa.RecordBatch"]
"""Returns the moved columns of rows, masked; see `Shape.masked`."""


def comparable(shape: Shape, commit: Commit) -> pa.Schema:
    """Return the common columns, in the types in which they are compared."""
    import pyarrow as pa

    names = [n for n in commit.schema.names if n in shape.schema.names and not n.startswith(OWN)]
    return pa.schema([commit.schema.field(name) for name in names])


def staged(shape: Shape, commit: Commit) -> pa.Schema:
    """Return the rows as the newest commit staged them; removed columns are null."""
    import pyarrow as pa

    known = shape.schema.names
    return pa.schema(
        [one if one.name in known else one.with_nullable(True) for one in commit.schema]
    )


@dataclass(slots=True)
class HomeSide:
    """The home's rows that the store must have."""

    source: Source
    sieve: Sieve
    """Transforms the home's rows like a move."""
    schema: pa.Schema
    """The compared columns, as they were staged."""
    key: tuple[str, ...]
    moved: Moved | None
    check: Check
    waiting: int = 0
    """Rows left out because the next move will bring them."""
    waiting_keys: list[pa.UInt64Array] = field(default_factory=list)

    def rows(self) -> Iterator[Numbered]:
        """Yield all moved rows with their hashes."""
        self.waiting, self.waiting_keys = 0, []
        if self.moved is not None:
            self.moved.begin()
        for number, batch in _batches(self.source, self.check):
            batch = self.sieve.shape.chosen(batch)
            if self.moved is not None:
                batch = self._moved(batch, self.moved.waiting(batch))
            yield self._numbered(batch, number)

    def _moved(self, batch: pa.RecordBatch, waiting: pa.BooleanArray) -> pa.RecordBatch:
        """Return the rows that were moved already."""
        import pyarrow.compute as pc

        count = pc.sum(waiting).as_py() or 0
        if not count:
            return batch
        self.waiting += count
        if self.key:
            self.waiting_keys.append(self._numbered(batch.filter(waiting), 0).keys)
        return batch.filter(pc.invert(waiting))

    def _numbered(self, batch: pa.RecordBatch, first_row: int) -> Numbered:
        staged = self.sieve.sift(batch, first_row)
        return Numbered.of(_plain_as(staged, self.schema), self.key)


@dataclass(slots=True)
class StoreSide:
    """The store's rows that the home must have."""

    source: Source
    schema: pa.Schema
    key: tuple[str, ...]
    marks_deleted: bool
    check: Check
    waiting_keys: pa.UInt64Array | None = None
    """Hashes of the keys that the next move will update; their rows in the store are not compared.
    """

    def columns(self) -> list[str]:
        """Return the columns to read."""
        wanted = [*self.schema.names, *([DELETED_AT] if self.marks_deleted else [])]
        missing = [name for name in wanted if name not in self.source.schema.names]
        if missing:
            raise FlowError(
                f"the column '{missing[0]}', which the newest commit wrote, no longer exists in "
                "the store",
                hint="move everything again with  hygge go FLOW --full-refresh",
                code="HG552",
            )
        return wanted

    def rows(self) -> Iterator[Numbered]:
        """Yield all rows that the home must have, with their hashes."""
        import pyarrow.compute as pc

        for _, batch in _batches(self.source, self.check):
            if self.marks_deleted:
                batch = batch.filter(pc.is_null(batch.column(DELETED_AT)))
            numbered = Numbered.of(_plain_as(batch, self.schema), self.key)
            if self.waiting_keys is not None:
                known = pc.is_in(numbered.keys, value_set=self.waiting_keys)
                numbered = numbered.filter(pc.invert(known))
            yield numbered


def _batches(source: Source, check: Check) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield every batch of a source with the number of its first row in the split."""
    for split in source.splits(1):
        number = 0
        with source.read(split) as reader:
            for batch in reader:
                check()
                yield number, batch
                number += batch.num_rows


def _plain_as(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return the columns of `schema` in the types in which they are compared."""
    import pyarrow as pa

    arrays = []
    for wanted in schema:
        array, kind = batch.column(wanted.name), plain(wanted.type)
        try:
            arrays.append(as_plain(array, kind))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise FlowError(
                f"column '{wanted.name}' has type {array.type} in the store, but was moved as "
                f"{wanted.type}: {error}",
                hint='exclude it with  select: ["-name"], or move everything again with  hygge go '
                "FLOW --full-refresh",
                code="HG552",
            ) from error
    return pa.RecordBatch.from_arrays(arrays, names=schema.names)


class Moved:
    """Separates rows up to a watermark from rows of the next move."""

    def __init__(
        self, wanted: Incremental, last: Watermark, offered: pa.Schema, shown: Shown
    ) -> None:
        self._shown = shown
        self.column = last.column
        self._nulls_are_moved = wanted.nulls == "include"
        try:
            self._ordering = Ordering.of(offered.field(last.column))
            self._reached = self._key(last.value)
            initial = wanted.initial
            self._least = None if initial is None else self._key(str(initial))
        except ValueError as error:
            raise FlowError(f"invalid watermark: {error}", code="HG552") from error
        self._columns = [name for name in last.ties_of if name in offered.names]
        places = [n for n, name in enumerate(last.ties_of) if name in offered.names]
        self._known = Counter(
            "".join(row[n * DIGEST : (n + 1) * DIGEST] for n in places) for row in last.ties
        )
        self._left = Counter(self._known)

    def _key(self, text: str) -> pa.Scalar:
        return self._ordering.key(self._ordering.value_of(text))

    @classmethod
    def of(
        cls, settings: MoveSettings, commit: Commit, offered: pa.Schema, shown: Shown
    ) -> Moved | None:
        """Return the separation by the newest commit's watermark; None where all rows are moved."""
        wanted, last = settings.incremental, commit.watermark
        is_told = isinstance(wanted, Incremental) and settings.mode is not Mode.REPLACE
        if not is_told or last is None or last.column not in offered.names:
            return None
        assert isinstance(wanted, Incremental)
        return cls(wanted, last, offered, shown)

    def begin(self) -> None:
        """Reset, because all rows are read again."""
        self._left = Counter(self._known)

    def waiting(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Return which rows of a batch were not moved."""
        import pyarrow as pa
        import pyarrow.compute as pc

        values = self._ordering.keys(batch.column(self.column))
        missing = pc.is_null(values, nan_is_null=True)
        later = pc.fill_null(pc.greater(values, self._reached), False)
        if self._least is not None:
            later = pc.or_(later, pc.fill_null(pc.less(values, self._least), False))
        if self._known and self._columns:
            tied = pc.fill_null(pc.equal(values, self._reached), False)
            later = pc.or_(later, pa.array(self._new_ties(batch, tied), pa.bool_()))
        return pc.if_else(missing, not self._nulls_are_moved, later)

    def _new_ties(self, batch: pa.RecordBatch, tied: pa.BooleanArray) -> Sequence[bool]:
        mask: list[bool] = tied.to_pylist()
        if not any(mask):
            return mask
        rows = iter(digests(self._shown(batch.filter(tied)).select(self._columns)))
        for number, is_tied in enumerate(mask):
            if is_tied:
                row = next(rows)
                mask[number] = self._left[row] <= 0
                self._left[row] -= 1
        return mask
