from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import polars
import pyarrow as pa
import pytest

from hygge.testing import FileStoreSuite
from hygge.testing.cases import CASES, assert_same, case_table, plain_table
from hygge.testing.moving import accepted, write, write_request


class TestArrowStore(FileStoreSuite):
    type_name = "arrow"
    exemptions: ClassVar = {
        "decimal(76,30)": "upstream: Polars panics on decimals of 256 bits",
    }

    def read_files(self, paths: Sequence[Path], schema: pa.Schema) -> pa.Table:
        frames = [polars.read_ipc(path) for path in paths]
        table = polars.concat(frames).to_arrow(compat_level=polars.CompatLevel.oldest())
        # Polars has 64-bit offsets and nanoseconds where the file has shorter ones.
        return table.cast(schema)

    @pytest.mark.parametrize("case", CASES)
    def test_arrow_reads_the_very_type(self, tmp_path: Path, case: str) -> None:
        store, table = self.make_store(tmp_path), case_table(case)
        write(store, [table], write_request())
        with store.open(write_request()) as target:
            expected = accepted(target, table)
        (path,) = self.files(tmp_path)
        with pa.ipc.open_file(path) as reader:
            assert_same(reader.read_all(), expected)

    @pytest.mark.parametrize("compression", ["lz4", "zstd"])
    def test_buffers_are_compressed(self, tmp_path: Path, compression: str) -> None:
        sizes = {}
        for name in ("none", compression):
            store = self.make_store(tmp_path / name, compression=name)
            write(store, [plain_table(10_000)], write_request())
            assert_same(self.rows(tmp_path / name), plain_table(10_000))
            sizes[name] = self.files(tmp_path / name)[0].stat().st_size
        assert sizes[compression] < sizes["none"]
