from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import duckdb
import pyarrow as pa

from hygge.connector import HomeConfig
from hygge.testing import HomeSuite
from hygge.testing.suite import BusyError


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class TestDuckdbHome(HomeSuite):
    comes_back_as: ClassVar = {
        "float16": pa.float32(),
        "large string": pa.string(),
        "large binary": pa.binary(),
        "fixed size binary": pa.binary(),
        "date64": pa.date32(),
        "time(s)": pa.time64("us"),
        "time(ms)": pa.time64("us"),
        **{f"timestamp({unit},UTC)": pa.timestamp("us", "UTC") for unit in ("s", "ms")},
        "timestamp(us,Europe/Oslo)": pa.timestamp("us", "UTC"),
        "dictionary": pa.string(),
        "large list": pa.list_(pa.int64()),
    }
    exemptions: ClassVar = {
        "decimal(76,30)": "never: DuckDB has at most 38 digits",
        "duration(us)": "never: intervals come as text, for months have no fixed length",
    }

    def configure(self, place: Path, tables: Mapping[str, pa.Table]) -> HomeConfig:
        with duckdb.connect(str(place / "app.duckdb")) as connection:
            for name, table in tables.items():
                half = table.schema.get_field_index("value")
                if half >= 0 and table.schema.field(half).type == pa.float16():
                    table = table.set_column(half, "value", table["value"].cast(pa.float32()))
                connection.register("given", table)
                connection.execute(f"CREATE TABLE {quoted(name)} AS SELECT * FROM given")
        data = {"type": "duckdb", "path": "app.duckdb"}
        return HomeConfig.create(data)

    def append(self, place: Path, entity: str, table: pa.Table) -> None:
        raise BusyError("while the home has the file open, nobody else can write it")

    def spoil(self, place: Path, entity: str) -> None:
        path = place / "app.duckdb"
        content = path.read_bytes()
        path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
