"""Finding the rows that differ within groups that differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.operations.verify.sides import HomeSide, StoreSide
from hygge.operations.verify.tallies import Numbered
from hygge.operations.verify.verdict import Cell, Difference

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_ROWS = 2 * 10**6
"""Maximum row hashes in memory during the search."""
_MOST_OF_ONE_KEY = 100
_WHOLE = {"window": 2**31 - 1, "container_window": 2**31 - 1}


@dataclass(frozen=True, slots=True)
class Found:
    """The rows that differ."""

    shown: tuple[Difference, ...]
    more: int
    is_at_least: bool
    """Whether there may be more: too many groups differ to search all."""


def find_differences(
    home: HomeSide, store: StoreSide, groups: Mapping[int, int], limit: int
) -> Found:
    """Return the rows that differ, at most `limit` keys of them in full."""
    import pyarrow.compute as pc

    chosen = _chosen(groups)
    left = _unequal(_numbers(home, chosen), _numbers(store, chosen))
    keys = pc.unique(left.column("key"))
    wanted = keys.slice(0, limit)
    shown = list(_differences(_Rows(home, wanted), _Rows(store, wanted), wanted))
    return Found(tuple(shown), len(keys) - len(wanted), len(chosen) < len(groups))


def _chosen(groups: Mapping[int, int]) -> list[int]:
    """Return as many groups as may be searched at once, at least one."""
    chosen: list[int] = []
    total = 0
    for group, rows in groups.items():
        total += rows
        if chosen and total > _MOST_ROWS:
            break
        chosen.append(group)
    return chosen


def _numbers(side: HomeSide | StoreSide, groups: list[int]) -> pa.Table:
    """Return hashes of rows and keys of some groups, and their counts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = pa.array(groups, pa.uint64())
    found = []
    for numbered in side.rows():
        mask = pc.is_in(numbered.groups(), value_set=known)
        keys, rows = numbered.keys.filter(mask), numbered.rows.filter(mask)
        found.append(pa.table({"key": keys, "row": rows}))
    empty = pa.table({"key": pa.array([], pa.uint64()), "row": pa.array([], pa.uint64())})
    table = pa.concat_tables([empty, *found])
    return table.group_by(["key", "row"]).aggregate([([], "count_all")])


def _unequal(ours: pa.Table, theirs: pa.Table) -> pa.Table:
    """Return the keys of rows whose counts differ between the sides."""
    import pyarrow.compute as pc

    both = ours.join(
        theirs, ["key", "row"], join_type="full outer", left_suffix="_home", right_suffix="_store"
    )
    counts = [pc.fill_null(both.column(f"count_all_{side}"), 0) for side in ("home", "store")]
    return both.filter(pc.not_equal(*counts)).sort_by("key")


class _Rows:
    """The complete rows of one side with some keys."""

    def __init__(self, side: HomeSide | StoreSide, keys: pa.UInt64Array) -> None:
        self.key = side.key
        self.counts: dict[int, Counter[int]] = {}
        self._cells: dict[tuple[int, int], dict[str, str | None]] = {}
        self._numbers: dict[tuple[int, int], list[int]] = {}
        for numbered in side.rows():
            self._add(numbered, keys)

    def _add(self, numbered: Numbered, keys: pa.UInt64Array) -> None:
        import pyarrow.compute as pc

        few = numbered.filter(pc.is_in(numbered.keys, value_set=keys))
        for number in range(few.batch.num_rows):
            key, row = few.keys[number].as_py(), few.rows[number].as_py()
            self.counts.setdefault(key, Counter())[row] += 1
            if (key, row) in self._cells or len(self.counts[key]) > _MOST_OF_ONE_KEY:
                continue
            one = few.batch.slice(number, 1)
            self._cells[key, row] = {n: _text(one.column(n)) for n in one.schema.names}
            self._numbers[key, row] = [column[number].as_py() for column in few.columns]

    def cells(self, key: int, row: int) -> dict[str, str | None]:
        """Return the values of a row by column, as text."""
        return self._cells.get((key, row), {})

    def shown(self, key: int, row: int) -> dict[str, str | None]:
        """Return the values of a row's key, or all of them."""
        cells = self.cells(key, row)
        return {name: cells[name] for name in self.key if name in cells} or cells

    def numbers(self, key: int, row: int) -> list[int]:
        """Return the hashes of a row's cells."""
        return self._numbers.get((key, row), [])


def _differences(home: _Rows, store: _Rows, keys: pa.UInt64Array) -> Iterator[Difference]:
    for key in keys.to_pylist():
        ours, theirs = home.counts.get(key, Counter()), store.counts.get(key, Counter())
        lacking = sorted(row for row in ours if row not in theirs)
        surplus = sorted(row for row in theirs if row not in ours)
        while lacking and surplus:
            yield _changed(home, store, key, (lacking.pop(0), surplus.pop(0)))
        for row in lacking:
            yield Difference("missing", home.shown(key, row), ours[row], 0)
        for row in surplus:
            yield Difference("extra", store.shown(key, row), 0, theirs[row])
        for row in sorted(ours.keys() & theirs.keys()):
            if ours[row] != theirs[row]:
                yield Difference("doubled", home.shown(key, row), ours[row], theirs[row])


def _changed(home: _Rows, store: _Rows, key: int, rows: tuple[int, int]) -> Difference:
    ours, theirs = home.cells(key, rows[0]), store.cells(key, rows[1])
    numbers = zip(home.numbers(key, rows[0]), store.numbers(key, rows[1]), strict=False)
    cells = tuple(
        Cell(name, ours[name], theirs[name])
        for name, (one, other) in zip(ours, numbers, strict=False)
        if one != other
    )
    counts = home.counts[key][rows[0]], store.counts[key][rows[1]]
    return Difference("changed", home.shown(key, rows[0]), *counts, cells)


def _text(one: pa.Array) -> str | None:
    """Return the only value of an array as text."""
    import pyarrow as pa

    if one.null_count or pa.types.is_null(one.type):
        return None
    if pa.types.is_binary(one.type) or pa.types.is_fixed_size_binary(one.type):
        return f"0x{one[0].as_py().hex()}"
    if pa.types.is_floating(one.type):
        return repr(one[0].as_py())
    try:
        return str(one.cast(pa.string())[0].as_py())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return str(one.to_string(**_WHOLE)).strip()
