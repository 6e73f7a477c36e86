from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from hygge.testing import FileHomeSuite


class TestArrowHome(FileHomeSuite):
    type_name = "arrow"

    def write(self, table: pa.Table, path: Path) -> None:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=1000)


class TestArrowStreamHome(FileHomeSuite):
    type_name = "arrow"

    def write(self, table: pa.Table, path: Path) -> None:
        with pa.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=1000)
