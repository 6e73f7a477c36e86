from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import duckdb
import pyarrow as pa

from hygge.testing import FileStoreSuite


class TestParquetStore(FileStoreSuite):
    type_name = "parquet"
    comes_back_as: ClassVar = {}

    def read_files(self, paths: Sequence[Path], schema: pa.Schema) -> pa.Table:
        with duckdb.connect() as duck:
            duck.execute("SET TimeZone = 'UTC'")
            return duck.read_parquet([str(path) for path in paths]).to_arrow_table()
