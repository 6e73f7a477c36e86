"""What every store that merges promises: a part of the `StoreSuite`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from hygge.connector import Commit, Mode, Span, Split, Store, StoreConfig, WriteRequest
from hygge.errors import StoreError
from hygge.testing.cases import plain_table
from hygge.testing.moving import accepted, next_commit, write, write_request
from hygge.testing.suite import StoreCases

STAMP = pa.timestamp("us", tz="UTC")
THINGS = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("name", pa.string()),
        pa.field("at", pa.int64()),
    ]
)
MARKED = THINGS.append(pa.field("_hygge_deleted_at", STAMP))


def merging(**changes: Any) -> WriteRequest:  # noqa: ANN401
    """Return the request of a new run that merges by `id`."""
    return replace(write_request(Mode.MERGE), **{"primary_key": ("id",), **changes})


def rows_of(schema: pa.Schema, *rows: Sequence[Any]) -> pa.Table:
    """Return a table of rows that may be shorter than the schema; what is missing is null."""
    named = [dict(zip(schema.names, row, strict=False)) for row in rows]
    return pa.Table.from_pylist(named, schema=schema)


def things(*rows: Sequence[Any]) -> pa.Table:
    """Return a table of `id`, `name` and `at`."""
    return rows_of(THINGS, *rows)


class MergeCases(StoreCases, is_base=True):
    """What a merge promises, of a store whose config says that it can."""

    @pytest.fixture
    def merger(self, config: StoreConfig, store: Store) -> Store:
        """An empty store; the test is skipped where it cannot merge."""
        if Mode.MERGE not in config.modes:
            pytest.skip("the store cannot merge")
        return store

    def held(self, place: Path, schema: pa.Schema = THINGS) -> list[tuple[Any, ...]]:
        """Return the rows in the order of their first columns."""
        rows = [tuple(row.values()) for row in self.typed(place, schema).to_pylist()]
        return sorted(rows, key=lambda row: [str(value) for value in row])

    def total(self, store: Store) -> int:
        """Return how many rows the newest commit says there are."""
        last = store.last_commit("things")
        assert last is not None
        return last.total_rows

    def refused(self, store: Store, table: pa.Table, request: WriteRequest) -> StoreError:
        """Return the error of a merge that is refused, which left the chain as it was."""
        before = store.last_commit("things")
        with pytest.raises(StoreError) as raised:
            write(store, [table], request)
        after = store.last_commit("things")
        assert (after and after.seq) == (before and before.seq)
        return raised.value

    def test_the_first_merge_makes_the_place(self, tmp_path: Path, merger: Store) -> None:
        write(merger, [things((1, "a", 1)), things((2, "b", 2))], merging())
        assert self.held(tmp_path) == [(1, "a", 1), (2, "b", 2)]
        assert self.total(merger) == 2

    def test_a_merge_updates_and_adds(self, tmp_path: Path, merger: Store) -> None:
        write(merger, [things((1, "a", 1), (2, "b", 1), (3, "c", 1))], merging())
        write(merger, [things((2, "B", 2), (4, "d", 2)), things((3, None, 2))], merging())
        assert self.held(tmp_path) == [(1, "a", 1), (2, "B", 2), (3, None, 2), (4, "d", 2)]
        assert self.total(merger) == 4

    def test_a_merge_of_no_rows_keeps_the_rows(self, tmp_path: Path, merger: Store) -> None:
        write(merger, [things((1, "a", 1))], merging())
        write(merger, [things()], merging())
        assert self.held(tmp_path) == [(1, "a", 1)]
        assert self.total(merger) == 1

    def test_a_first_merge_of_no_rows_makes_the_place(self, tmp_path: Path, merger: Store) -> None:
        write(merger, [things()], merging())
        assert self.held(tmp_path) == []
        write(merger, [things((1, "a", 1))], merging())
        assert self.held(tmp_path) == [(1, "a", 1)]

    def test_merging_again_changes_nothing(self, tmp_path: Path, merger: Store) -> None:
        for _ in range(3):
            write(merger, [plain_table(300)], merging())
        rows = self.held(tmp_path, plain_table(0).schema)
        assert sorted(rows) == sorted(tuple(row.values()) for row in plain_table(300).to_pylist())
        assert self.total(merger) == 300

    @pytest.mark.parametrize("is_first", [True, False])
    def test_the_highest_row_of_a_key_wins(
        self, tmp_path: Path, merger: Store, is_first: bool
    ) -> None:
        if not is_first:
            write(merger, [things((1, "old", 0), (9, "other", 0))], merging())
        tables = [things((1, "x", 5), (2, "null", None)), things((1, "y", 10), (2, "z", -1))]
        write(merger, [*tables, things((1, "w", 9))], merging(dedupe_by=("at",)))
        kept = [] if is_first else [(9, "other", 0)]
        assert self.held(tmp_path) == [(1, "y", 10), (2, "z", -1), *kept]
        assert self.total(merger) == 2 + len(kept)

    def test_a_second_column_decides_where_the_first_is_equal(
        self, tmp_path: Path, merger: Store
    ) -> None:
        rows = things((1, "a", 5), (1, "b", 5), (1, None, 5), (1, "z", 4))
        write(merger, [rows], merging(dedupe_by=("at", "name")))
        assert self.held(tmp_path) == [(1, "b", 5)]

    @pytest.mark.parametrize("by", [(), ("at",)])
    @pytest.mark.parametrize("is_first", [True, False])
    def test_rows_that_nothing_tells_apart_are_refused(
        self, tmp_path: Path, merger: Store, by: tuple[str, ...], is_first: bool
    ) -> None:
        if not is_first:
            write(merger, [things((7, "old", 0))], merging())
        rows = things((7, "a", 5), (8, "c", 1), (7, "b", 5))
        error = self.refused(merger, rows, merging(dedupe_by=by))
        assert error.code == "HG547"
        assert "7" in error.message
        assert "2 rows" in error.message
        assert error.hint
        if not is_first:
            assert self.held(tmp_path) == [(7, "old", 0)]

    def test_rows_that_lose_need_not_be_told_apart(self, tmp_path: Path, merger: Store) -> None:
        rows = things(
            (1, "x", 4), (1, "y", 4), (1, "z", 5), (2, "a", None), (2, "b", None), (2, "c", 0)
        )
        write(merger, [rows], merging(dedupe_by=("at",)))
        assert self.held(tmp_path) == [(1, "z", 5), (2, "c", 0)]

    @pytest.mark.parametrize("by", [(), ("at",)])
    def test_rows_that_are_the_same_are_one(
        self, tmp_path: Path, merger: Store, by: tuple[str, ...]
    ) -> None:
        write(merger, [things((7, "old", 0))], merging())
        rows = [(7, "a", 5), (8, None, 1), (9, "z", 2), (7, "a", 5), (8, None, 1), (7, "a", 5)]
        tables = [things(*rows), things((8, None, 1), (6, "b", None), (6, "b", None))]
        write(merger, tables, merging(dedupe_by=by))
        assert self.held(tmp_path) == [(6, "b", None), (7, "a", 5), (8, None, 1), (9, "z", 2)]
        assert self.total(merger) == 4
        error = self.refused(merger, things(*rows, (8, "c", 1)), merging(dedupe_by=by))
        assert error.code == "HG547"
        assert "8" in error.message

    def test_a_key_that_is_in_the_store_twice_is_refused(
        self, tmp_path: Path, merger: Store
    ) -> None:
        twice = [things((1, "a", 1), (2, "b", 1)), things((2, "c", 1))]
        write(merger, twice, write_request(Mode.APPEND))
        error = self.refused(merger, things((2, "new", 2), (3, "d", 2)), merging())
        assert error.code == "HG547"
        assert "2" in error.message
        assert self.held(tmp_path) == [(1, "a", 1), (2, "b", 1), (2, "c", 1)]
        write(merger, [things((1, "A", 2))], merging())
        assert self.held(tmp_path) == [(1, "A", 2), (2, "b", 1), (2, "c", 1)]

    def test_a_key_of_several_columns(self, tmp_path: Path, merger: Store) -> None:
        schema = pa.schema(
            [
                pa.field("id", pa.int64(), nullable=False),
                pa.field("day", pa.date32(), nullable=False),
                pa.field("what", pa.string(), nullable=False),
                pa.field("value", pa.decimal128(9, 2)),
            ]
        )
        days = pa.array([0, 0, 1], pa.int32()).cast(pa.date32())
        value = pa.array([1, 2, 3], pa.int64()).cast(pa.decimal128(21, 2)).cast(pa.decimal128(9, 2))
        table = pa.table([pa.array([1, 1, 1]), days, ["a", "A", "a"], value], schema=schema)
        request = merging(primary_key=("id", "day", "what"))
        write(merger, [table], request)
        again = table.slice(1, 1).set_column(3, schema.field(3), [value.slice(2, 1)])
        write(merger, [again], merging(primary_key=request.primary_key))
        rows = self.typed(tmp_path, schema).to_pylist()
        assert sorted((str(r["day"]), r["what"], int(r["value"])) for r in rows) == [
            ("1970-01-01", "A", 3),
            ("1970-01-01", "a", 1),
            ("1970-01-02", "a", 3),
        ]

    def test_a_new_column_is_null_where_no_row_brought_it(
        self, tmp_path: Path, merger: Store
    ) -> None:
        write(merger, [things((1, "a", 1), (2, "b", 1))], merging())
        schema = THINGS.append(pa.field("extra", pa.string()))
        write(merger, [rows_of(schema, (2, "B", 2, "x"), (3, "c", 2, "y"))], merging())
        assert self.held(tmp_path, schema) == [
            (1, "a", 1, None),
            (2, "B", 2, "x"),
            (3, "c", 2, "y"),
        ]

    def test_a_column_that_is_gone_keeps_its_values(self, tmp_path: Path, merger: Store) -> None:
        write(merger, [things((1, "a", 1), (2, "b", 1))], merging())
        request, table = merging(), things((2, "B"), (3, "c"))
        with merger.open(request) as target:
            target.keep_columns(["at"])
            part = target.stage(table.to_reader(), Split(0, "all"))
            target.commit([part], next_commit(target, request, [part], table.schema))
        assert self.held(tmp_path) == [(1, "a", 1), (2, "B", 1), (3, "c", None)]

    # Rows that the home no longer has

    def test_missing_rows_are_taken_away(self, tmp_path: Path, merger: Store) -> None:
        write(merger, [things((1, "a", 1), (2, "b", 1), (3, "c", 1))], merging())
        write(
            merger, [things((2, "B", 2), (3, "c", 2), (4, "d", 2))], merging(delete_missing="hard")
        )
        assert self.held(tmp_path) == [(2, "B", 2), (3, "c", 2), (4, "d", 2)]
        assert self.total(merger) == 3

    def test_missing_rows_are_marked_and_come_back(self, tmp_path: Path, merger: Store) -> None:
        def go(*rows: Sequence[Any]) -> list[tuple[Any, ...]]:
            request = merging(delete_missing="soft")
            table = rows_of(MARKED, *rows)
            with merger.open(request) as target:
                part = target.stage(accepted(target, table).to_reader(), Split(0, "all"))
                commit = next_commit(target, request, [part], target.accept(MARKED))
                target.commit([part], _at(commit))
            return [(row[0], _text(row[3])) for row in self.held(tmp_path, MARKED)]

        go((1, "a", 1), (2, "b", 1), (3, "c", 1))
        first = "2024-01-01T10:00:00.000002+00:00"
        assert go((2, "b", 1), (3, "c", 1)) == [(1, first), (2, None), (3, None)]
        # The mark that is there stays; a row that comes back has none.
        assert go((2, "b", 1)) == [(1, first), (2, None), (3, first.replace("2+", "3+"))]
        assert go((1, "a", 1), (2, "b", 1))[0] == (1, None)
        assert self.total(merger) == 3
        # Every row of the store is replaced, which leaves nothing behind.
        everything = [(1, "a", 1), (2, "b", 1), (3, "c", 1)]
        assert go(*everything) == go(*everything) == [(1, None), (2, None), (3, None)]
        assert self.total(merger) == 3

    @pytest.mark.parametrize("how", ["hard", "soft"])
    def test_too_many_missing_rows_are_refused(
        self, tmp_path: Path, merger: Store, how: str
    ) -> None:
        table = rows_of(MARKED, *[(n, "x", n) for n in range(10)])
        write(merger, [table], merging(delete_missing=how))
        error = self.refused(merger, table.slice(0, 4), merging(delete_missing=how))
        assert error.code == "HG533"
        assert "6" in error.message
        assert "10" in error.message
        assert len(self.held(tmp_path, MARKED)) == 10
        self.refused(merger, table.slice(0, 8), merging(delete_missing=how, max_shrink=0.1))
        write(merger, [table.slice(0, 4)], merging(delete_missing=how, max_shrink=0.6))
        rows = self.held(tmp_path, MARKED)
        assert len([row for row in rows if row[3] is None]) == 4

    # A range that is moved again, and questions about what is staged

    def test_an_append_clears_a_range(self, tmp_path: Path, merger: Store) -> None:
        write(merger, [things(*[(n, "old", n) for n in range(6)])], write_request(Mode.APPEND))
        span = Span("at", pa.scalar(2, pa.int64()), pa.scalar(4, pa.int64()))
        request = replace(write_request(Mode.APPEND), clears=span)
        write(merger, [things((2, "new", 2))], request)
        names = [(row[0], row[1]) for row in self.held(tmp_path)]
        assert names == [(0, "old"), (1, "old"), (2, "new"), (4, "old"), (5, "old")]
        assert self.total(merger) == 5

    def test_a_range_of_texts_is_one_of_their_bytes(self, tmp_path: Path, merger: Store) -> None:
        texts = ["B", "a", "a ", "aa", "b", "ä", "Z", None]
        write(merger, [things(*enumerate(texts))], write_request(Mode.APPEND))
        span = Span("name", pa.scalar("a "), pa.scalar("ä"))
        write(merger, [things((9, "b", 1))], replace(write_request(Mode.APPEND), clears=span))
        names = [row[1] for row in self.held(tmp_path) if row[0] != 9]
        assert names == ["B", "a", "ä", "Z", None]

    @pytest.mark.parametrize("kind", [pa.timestamp("us"), STAMP, pa.timestamp("s"), pa.date32()])
    def test_a_range_of_time_is_exact(
        self, tmp_path: Path, merger: Store, kind: pa.DataType
    ) -> None:
        step = pa.int32() if kind == pa.date32() else pa.int64()
        values = pa.array([10_000, 10_001, 10_002, None], step).cast(kind)
        schema = pa.schema([pa.field("id", pa.int64()), pa.field("at", kind)])
        table = pa.table([pa.array(range(4)), values], schema=schema)
        write(merger, [table], write_request(Mode.APPEND))
        span = Span("at", values[1], values[2])
        write(merger, [table.slice(0, 0)], replace(write_request(Mode.APPEND), clears=span))
        ids = self.typed(tmp_path, schema)["id"].to_pylist()
        assert sorted(ids) == [0, 2, 3]

    def test_staged_rows_tell_their_duplicates(self, merger: Store) -> None:
        with merger.open(merging()) as target:
            target.stage(things((1, "a", 1), (2, "b", None)).to_reader(), Split(0, "one"))
            target.stage(things((3, "b", 1), (4, "c", None)).to_reader(), Split(1, "two"))
            assert target.duplicate(["id"]) is None
            assert target.duplicate(["name"]) == {"name": "b"}
            assert target.duplicate(["name", "at"]) is None


def _at(commit: Commit) -> Commit:
    """Return a commit with a time of its own, by its number."""
    return replace(commit, committed_at=f"2024-01-01T10:00:00.00000{commit.seq}+00:00")


def _text(value: Any) -> str | None:  # noqa: ANN401
    return None if value is None else str(value.astimezone(UTC).isoformat())
