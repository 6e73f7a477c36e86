from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from duck import SHOWN_AS, duck

from hygge.connector import StoreConfig
from hygge.testing import FileStoreSuite
from hygge.testing.cases import CASES, assert_same, case_table, plain_table
from hygge.testing.moving import accepted, write, write_request


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

    @pytest.mark.parametrize("path", ["out/users.parquet", "users.PARQUET/", "x.pq"])
    def test_a_path_that_looks_like_a_file_is_refused(self, path: str) -> None:
        with pytest.raises(ValueError, match="a store is a directory"):
            StoreConfig.create({"type": "parquet", "path": path})
