from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from hygge.testing import FileHomeSuite


class TestParquetHome(FileHomeSuite):
    type_name = "parquet"
    comes_back_as: ClassVar = {
        "date64": pa.date32(),
        "time(s)": pa.time32("ms"),
        "timestamp(s)": pa.timestamp("ms"),
        "timestamp(s,UTC)": pa.timestamp("ms", "UTC"),
    }

    def write(self, table: pa.Table, path: Path) -> None:
        pq.write_table(table, path, row_group_size=1000, write_page_checksum=True)
