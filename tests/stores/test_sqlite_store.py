from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from sqlite_tables import fetch

from hygge.connector import StoreConfig
from hygge.testing import StoreSuite


class TestSqliteStore(StoreSuite):
    exemptions: ClassVar = {
        **dict.fromkeys(("float16", "float32", "float64"), "never: SQLite has no NaN and no -0.0"),
        "duration(us)": "never: SQLite does not have this type",
    }

    def configure(self, place: Path) -> StoreConfig:
        data = {"type": "sqlite", "path": "data/app.db"}
        return StoreConfig.create(data)

    def read(self, place: Path, name: str, schema: pa.Schema) -> pa.Table:
        return fetch(place / "data" / "app.db", name, schema)
