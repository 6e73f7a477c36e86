from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from sqlite_tables import load, quoted, run

from hygge.connector import HomeConfig
from hygge.testing import HomeSuite
from hygge.testing.suite import BusyError

INSERT = """
import ast, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0)
connection.executemany(f"INSERT INTO {sys.argv[2]} VALUES (?, ?)", ast.literal_eval(sys.argv[3]))
connection.commit()
"""
MISSING = "never: SQLite does not have this type"


class TestSqliteHome(HomeSuite):
    comes_back_as: ClassVar = {
        "null": pa.string(),
        **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16", "uint32"), pa.int64()),
        "uint64": pa.decimal128(20, 0),
        "large string": pa.string(),
        "large binary": pa.binary(),
        "fixed size binary": pa.binary(),
        "date64": pa.date32(),
        "time(s)": pa.time64("us"),
        "time(ms)": pa.time64("us"),
        **{f"timestamp({unit})": pa.timestamp("us") for unit in ("s", "ms")},
        **{f"timestamp({unit},UTC)": pa.timestamp("us", "UTC") for unit in ("s", "ms")},
        "timestamp(us,Europe/Oslo)": pa.timestamp("us", "UTC"),
        "dictionary": pa.string(),
    }
    exemptions: ClassVar = {
        **dict.fromkeys(("float16", "float32", "float64"), "never: SQLite has no NaN and no -0.0"),
        "duration(us)": MISSING,
        **dict.fromkeys(("list", "large list", "fixed size list", "struct", "map"), MISSING),
        "list of struct": MISSING,
    }

    def configure(self, place: Path, tables: Mapping[str, pa.Table]) -> HomeConfig:
        for name, table in tables.items():
            load(place / "app.db", name, table)
        data = {"type": "sqlite", "path": "app.db"}
        return HomeConfig.create(data)

    def append(self, place: Path, entity: str, table: pa.Table) -> None:
        """Insert from another process: locks of a file are those of a process."""
        rows = [tuple(row.values()) for row in table.to_pylist()]
        words = [sys.executable, "-c", INSERT, str(place / "app.db"), quoted(entity), repr(rows)]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            raise BusyError

    def spoil(self, place: Path, entity: str) -> None:
        run(place / "app.db", f"DROP TABLE {quoted(entity)}")
