from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hygge.connector import Store, StoreConfig
from hygge.connectors.files.writing.ranges import Range, ranges
from hygge.errors import Cancelled
from hygge.testing import FileStoreSuite
from hygge.testing.cases import CASES, assert_same, case_table, plain_table
from hygge.testing.merging import merging, things
from hygge.testing.moving import accepted, write, write_request
from hygge.testing.text_reader import SHOWN_AS, duck

NUMBERED = pa.schema([("number", pa.int64()), ("text", pa.string()), ("at", pa.int64())])


class TestParquetStore(FileStoreSuite):
    type_name = "parquet"
    exemptions: ClassVar = {
        "decimal(76,30)": "upstream: DuckDB reads decimals of more than 38 digits as floats",
    }
    comes_back_as: ClassVar = SHOWN_AS | {"duration(us)": pa.int64()}

    def expected(self, case: str, table: pa.Table) -> pa.Table:
        if case != "uuid":
            return super().expected(case, table)
        texts = [None if value is None else str(value) for value in table["value"].to_pylist()]
        return table.set_column(1, "value", pa.array(texts))

    def read_files(self, paths: Sequence[Path], schema: pa.Schema) -> pa.Table:
        with duck() as connection:
            return connection.read_parquet([str(path) for path in paths]).to_arrow_table()

    @pytest.mark.parametrize("case", CASES)
    def test_arrow_reads_the_very_type(self, tmp_path: Path, case: str) -> None:
        store, table = self.make_store(tmp_path), case_table(case)
        write(store, [table], write_request())
        with store.open(write_request()) as target:
            expected = accepted(target, table)
        (path,) = self.files(tmp_path)
        changed = {"time(s)": pa.time32("ms"), "timestamp(s)": pa.timestamp("ms")}
        changed["timestamp(s,UTC)"] = pa.timestamp("ms", "UTC")
        kind = changed.get(case, expected.schema.field(1).type)
        actual = pq.read_table(path, page_checksum_verification=True)
        assert_same(actual, expected.set_column(1, "value", expected["value"].cast(kind)))

    def test_row_groups_are_of_the_wanted_size(self, tmp_path: Path) -> None:
        store = self.make_store(tmp_path, row_group_size=100, compression="snappy")
        write(store, [plain_table(250)], write_request(), rows=30)
        (path,) = self.files(tmp_path)
        metadata = pq.read_metadata(path)
        groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
        assert [group.num_rows for group in groups] == [100, 100, 50]
        assert groups[0].column(0).compression == "SNAPPY"
        assert metadata.format_version == "2.6"

    def test_wide_rows_make_short_row_groups(self, tmp_path: Path) -> None:
        table = pa.table({"id": range(20), "text": ["x" * 4_000_000] * 20})
        write(self.make_store(tmp_path), [table], write_request(), rows=1)
        (path,) = self.files(tmp_path)
        assert 2 <= pq.read_metadata(path).num_row_groups <= 4

    def test_dictionaries_that_differ_by_batch_are_written(self, tmp_path: Path) -> None:
        batches = [
            pa.record_batch({"id": [n], "value": pa.array([f"v{n}"]).dictionary_encode()})
            for n in range(5)
        ]
        write(self.make_store(tmp_path), [pa.Table.from_batches(batches)], write_request())
        (path,) = self.files(tmp_path)
        assert pq.read_table(path)["value"].to_pylist() == [f"v{n}" for n in range(5)]

    @pytest.mark.parametrize(
        ("path", "meant"),
        [
            ("out/users.parquet", "out/{entity}.parquet"),
            ("/out/users.pq", "/out/{entity}.pq"),
            ("users.PARQUET/", "{entity}.parquet"),
            ("x.pq", "{entity}.pq"),
        ],
    )
    def test_a_path_that_looks_like_a_file_is_refused(self, path: str, meant: str) -> None:
        said = (
            f"'{path}' looks like one file, but a store contains many entities: name the "
            f"directory, or one file for each entity with  path: {meant} ["
        )
        with pytest.raises(ValueError, match=re.escape(said)):
            StoreConfig.create({"type": "parquet", "path": path})
        StoreConfig.create({"type": "parquet", "path": meant})

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
