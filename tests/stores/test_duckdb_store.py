from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import duckdb
import pyarrow as pa

from hygge.connector import StoreConfig
from hygge.connectors.duckdb.instances import cursor_of_open
from hygge.testing import StoreSuite


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class TestDuckdbStore(StoreSuite):
    exemptions: ClassVar = {"decimal(76,30)": "never: DuckDB has at most 38 digits"}

    def configure(self, place: Path) -> StoreConfig:
        data = {"type": "duckdb", "path": "data/app.duckdb"}
        return StoreConfig.create(data)

    def read(self, place: Path, name: str, schema: pa.Schema) -> pa.Table:
        file = place / "data" / "app.duckdb"
        # While a move has the file open, no one else can open it, not even in this process.
        connection = cursor_of_open(file) or duckdb.connect(str(file), read_only=True)
        table = "public.users" if name == "public.users" else quoted(name)
        with connection:
            columns = ", ".join(_shown(field) for field in schema)
            found = connection.sql(f"SELECT {columns} FROM {table}").to_arrow_table()
        arrays = [_array(found.column(n), field.type) for n, field in enumerate(schema)]
        return pa.Table.from_arrays(arrays, schema=schema)


def _shown(field: pa.Field) -> str:
    if field.type == pa.uuid():
        return f"unhex(replace({quoted(field.name)}::VARCHAR, '-', ''))"
    if pa.types.is_duration(field.type):
        return f"epoch_us({quoted(field.name)})"
    return quoted(field.name)


def _array(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    if kind == pa.uuid():
        values = column.cast(pa.binary(16)).combine_chunks()
        return pa.ExtensionArray.from_storage(kind, values)
    return column.cast(kind)
