from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest
from mysql_tables import fetch
from servers import Mysql, schema_name

from hygge.connector import StoreConfig
from hygge.testing import StoreSuite

MISSING = "never: MySQL has no such type"
DIGITS = "never: MySQL keeps microseconds"
NO_NAN = "never: MySQL holds no NaN and no infinity"


class TestMysqlStore(StoreSuite):
    exemptions: ClassVar = {
        "time(ns)": DIGITS,
        "timestamp(ns)": DIGITS,
        "timestamp(ns,UTC)": DIGITS,
        "duration(us)": "never: MySQL's TIME ends at 838 hours",
        "float16": NO_NAN,
        "float32": NO_NAN,
        "float64": NO_NAN,
        "decimal(76,30)": "never: decimals have at most 65 digits",
        "list": MISSING,
        "large list": MISSING,
        "fixed size list": MISSING,
        "struct": MISSING,
        "map": MISSING,
        "list of struct": MISSING,
    }

    @pytest.fixture(autouse=True)
    def clean(self, tmp_path: Path) -> Iterator[None]:
        yield
        Mysql(schema_name(tmp_path)).drop()

    def configure(self, place: Path) -> StoreConfig:
        server = Mysql(schema_name(place))
        server.make()
        return StoreConfig.create(server.settings())

    def read(self, place: Path, name: str, schema: pa.Schema) -> pa.Table:
        if name == "public.users":
            public = Mysql("public")
            rows = fetch(public, "users", schema)
            public.drop()
            return rows
        return fetch(Mysql(schema_name(place)), name, schema)

    def rows(self, place: Path, name: str = "things") -> pa.Table:
        """Return the rows by their `id`: splits are written at once, and tables have no order."""
        rows = super().rows(place, name)
        return rows.sort_by("id") if len(set(rows["id"].to_pylist())) == len(rows) else rows
