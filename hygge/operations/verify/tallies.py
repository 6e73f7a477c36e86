"""Tally of one side: counts, and checksums of columns and of groups of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hygge.types.checksums import hashes, row_hashes, total_of

if TYPE_CHECKING:
    import pyarrow as pa

_GROUP_BITS = 16
"""Rows are grouped by so many bits of their key's hash; differences lie in a few groups."""
_MOST_PENDING = 2**19
_MASK = 2**64 - 1


@dataclass(slots=True)
class Numbered:
    """A batch with hashes of its rows and keys; without a key the whole row is the key."""

    batch: pa.RecordBatch
    columns: list[pa.UInt64Array]
    rows: pa.UInt64Array
    keys: pa.UInt64Array

    @classmethod
    def of(cls, batch: pa.RecordBatch, key: Sequence[str]) -> Numbered:
        """Return a batch of plain columns with its hashes."""
        columns = [hashes(column) for column in batch.columns]
        rows = row_hashes(columns)
        found = dict(zip(batch.schema.names, columns, strict=True))
        return cls(batch, columns, rows, row_hashes([found[name] for name in key]) if key else rows)

    def filter(self, mask: pa.BooleanArray) -> Numbered:
        """Return the rows where `mask` is true."""
        columns = [column.filter(mask) for column in self.columns]
        keys = self.keys.filter(mask)
        return Numbered(self.batch.filter(mask), columns, self.rows.filter(mask), keys)

    def groups(self) -> pa.UInt64Array:
        """Return the group of each row."""
        import pyarrow as pa
        import pyarrow.compute as pc

        return pc.shift_right(self.keys, pa.scalar(64 - _GROUP_BITS, pa.uint64()))


@dataclass(slots=True)
class Tally:
    """The tally of one side, of bounded size."""

    names: tuple[str, ...]
    rows: int = 0
    nulls: list[int] = field(default_factory=list)
    sums: list[int] = field(default_factory=list)
    _pending: list[pa.Table] = field(default_factory=list)
    _pending_rows: int = 0

    def __post_init__(self) -> None:
        """Start with empty counts."""
        self.nulls = [0] * len(self.names)
        self.sums = [0] * len(self.names)

    def add(self, numbered: Numbered) -> None:
        """Count a batch."""
        self.rows += numbered.batch.num_rows
        for place, column in enumerate(numbered.batch.columns):
            self.nulls[place] += column.null_count
            self.sums[place] = (self.sums[place] + total_of(numbered.columns[place])) & _MASK
        self._pending.append(_grouped(numbered))
        self._pending_rows += self._pending[-1].num_rows
        if self._pending_rows > _MOST_PENDING:
            self._compact()

    def _compact(self) -> None:
        import pyarrow as pa

        if not self._pending:
            return
        table = pa.concat_tables(self._pending).group_by("group")
        table = table.aggregate([("sum", "sum"), ("count", "sum")])
        table = table.rename_columns({"sum_sum": "sum", "count_sum": "count"})
        self._pending, self._pending_rows = [table], 0

    def groups(self) -> dict[int, tuple[int, int]]:
        """Return the checksum and the row count of every group."""
        self._compact()
        return {
            row["group"]: (row["sum"], row["count"])
            for table in self._pending
            for row in table.to_pylist()
        }


def _grouped(numbered: Numbered) -> pa.Table:
    import pyarrow as pa

    table = pa.table({"group": numbered.groups(), "sum": numbered.rows})
    table = table.group_by("group").aggregate([("sum", "sum"), ("sum", "count")])
    return table.rename_columns({"sum_sum": "sum", "sum_count": "count"})


def differing_columns(home: Tally, store: Tally) -> tuple[str, ...]:
    """Return the columns whose values differ, independent of order."""
    return tuple(
        name
        for place, name in enumerate(home.names)
        if (home.sums[place], home.nulls[place]) != (store.sums[place], store.nulls[place])
    )


def differing_groups(home: Tally, store: Tally) -> dict[int, int]:
    """Return the groups whose rows differ, and their number of rows."""
    ours, theirs = home.groups(), store.groups()
    none = (0, 0)
    return {
        group: ours.get(group, none)[1] + theirs.get(group, none)[1]
        for group in sorted(ours.keys() | theirs.keys())
        if ours.get(group) != theirs.get(group)
    }
