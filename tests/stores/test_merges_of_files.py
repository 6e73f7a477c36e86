"""What every store of files promises of a merge, read back as its own suite reads it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest
import test_arrow_store
import test_csv_store
import test_jsonl_store
import test_orc_store
import test_parquet_store

from hygge.connector import Store
from hygge.connectors.files.writing.ranges import Range, ranges
from hygge.errors import Cancelled
from hygge.testing import FileStoreSuite
from hygge.testing.merging import MergeCases, merging, things
from hygge.testing.moving import write

NUMBERED = pa.schema([("number", pa.int64()), ("text", pa.string()), ("at", pa.int64())])


class Merges(MergeCases):
    suite: ClassVar[type[FileStoreSuite]]

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return self.suite().make_store(tmp_path)

    def read(self, place: Path, name: str, schema: pa.Schema) -> pa.Table:
        return self.suite().read(place, name, schema).select(schema.names).cast(schema)


class TestArrowMerges(Merges):
    suite = test_arrow_store.TestArrowStore


class TestCsvMerges(Merges):
    suite = test_csv_store.TestCsvStore


class TestJsonlMerges(Merges):
    suite = test_jsonl_store.TestJsonlStore

    def test_a_value_of_another_kind_far_down_is_read_all_the_same(
        self, tmp_path: Path, store: Store
    ) -> None:
        schema = pa.schema([("id", pa.int64()), ("some", pa.float64()), ("late", pa.string())])
        many = range(150_000)
        values = [0.5 if n > 149_000 else float(n) for n in many]
        late = ["x" if n > 149_000 else None for n in many]
        write(store, [pa.table([list(many), values, late], schema=schema)], merging())
        new = pa.table([[3], [-1.0], ["y"]], schema=schema)
        write(store, [new], merging())
        rows = {id: rest for id, *rest in self.held(tmp_path, schema)}
        assert len(rows) == 150_000
        assert rows[3] == [-1.0, "y"]
        assert rows[4] == [4.0, None]
        assert rows[149_999] == [0.5, "x"]


class TestOrcMerges(Merges):
    suite = test_orc_store.TestOrcStore

    def read(self, place: Path, name: str, schema: pa.Schema) -> pa.Table:
        """Read times in nanoseconds, which is what the format and its other reader know."""
        fields = [
            field.with_type(pa.timestamp("ns", field.type.tz))
            if pa.types.is_timestamp(field.type)
            else field
            for field in schema
        ]
        return super().read(place, name, pa.schema(fields)).cast(schema)


class TestParquetMerges(Merges):
    suite = test_parquet_store.TestParquetStore

    @pytest.mark.parametrize("key", ["number", "text", "both"])
    def test_keys_beyond_the_memory_are_merged_as_others(
        self, tmp_path: Path, store: Store, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spans: list[int] = []

        def counted(arrays: Iterable[tuple[pa.Array, int]], most: int) -> list[Range]:
            found = ranges(arrays, most)
            spans.append(len(found))
            return found

        monkeypatch.setattr("hygge.connectors.files.writing.merging.ranges", counted)
        keys = ("number", "text") if key == "both" else (key,)
        chance, model = random.Random(key), dict[Any, list[Any]]()
        for _ in range(3):
            rows = [
                [number := chance.randrange(-900, 900), f"ä{number % 70}", at]
                for at in chance.sample(range(10_000), 1_500)
            ]
            newest: dict[Any, list[Any]] = {}
            for row in rows:
                name = tuple(row[:2]) if key == "both" else row[keys == ("text",)]
                newest[name] = max(row, newest.get(name, row), key=lambda one: one[2])
            model |= newest
            wish = merging(primary_key=keys, dedupe_by=("at",), commit_bytes=5_000)
            named = [dict(zip(NUMBERED.names, row, strict=True)) for row in rows]
            write(store, [pa.Table.from_pylist(named, schema=NUMBERED)], wish)
            assert sorted(self.held(tmp_path, NUMBERED)) == sorted(map(tuple, model.values()))
        assert min(spans) > 5
        assert not [path for path in tmp_path.rglob("*") if "tmp" in path.name]

    @pytest.mark.parametrize("commit_bytes", [1_000, 10_000_000])
    def test_a_key_that_many_rows_share_is_told(
        self, tmp_path: Path, store: Store, commit_bytes: int
    ) -> None:
        request = merging(commit_bytes=commit_bytes)
        rows = [(n, "same", n) for n in range(2_000)]
        error = self.refused(store, things(*rows, (1_234, "other", 5)), request)
        assert error.code == "HG547"
        assert "2 rows with the key id = 1234 were read" in error.message

    @pytest.mark.parametrize("commit_bytes", [1_000, 10_000_000])
    @pytest.mark.parametrize("kind", ["dictionary", "uuid", "half"])
    def test_the_highest_wins_by_types_that_arrow_does_not_sort(
        self, tmp_path: Path, store: Store, commit_bytes: int, kind: str
    ) -> None:
        ranks = [n % 3 for n in range(300)]
        by = {
            "dictionary": pa.array([f"rank {rank}" for rank in ranks]).dictionary_encode(),
            "uuid": pa.array([bytes([rank] * 16) for rank in ranks], pa.uuid()),
            "half": pa.array([float(rank) for rank in ranks], pa.float16()),
        }[kind]
        rows = pa.table({"id": [n // 3 for n in range(300)], "by": by, "rank": ranks})
        write(store, [rows], merging(dedupe_by=("by",), commit_bytes=commit_bytes))
        held = self.held(tmp_path, pa.schema([("id", pa.int64()), ("rank", pa.int64())]))
        assert sorted(held) == [(n, 2) for n in range(100)]

    def test_a_long_merge_ends_when_the_run_is_asked_to_stop(
        self, tmp_path: Path, store: Store
    ) -> None:
        write(store, [things((1, "a", 1))], merging())

        def stop() -> None:
            raise Cancelled("stopped")

        with pytest.raises(Cancelled):
            write(store, [things((1, "b", 2))], merging(go_on=stop))
        assert self.held(tmp_path) == [(1, "a", 1)]
