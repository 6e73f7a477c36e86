from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest
from postgres_tables import fetch, quoted
from servers import Postgres, schema_name

from hygge.connector import StoreConfig
from hygge.testing import StoreSuite

DIGITS = "never: PostgreSQL keeps microseconds"


class TestPostgresStore(StoreSuite):
    exemptions: ClassVar = {
        "time(ns)": DIGITS,
        "timestamp(ns)": DIGITS,
        "timestamp(ns,UTC)": DIGITS,
    }

    @pytest.fixture(autouse=True)
    def clean(self, tmp_path: Path) -> Iterator[None]:
        yield
        Postgres(schema_name(tmp_path)).drop()

    def configure(self, place: Path) -> StoreConfig:
        server = Postgres(schema_name(place))
        server.make()
        return StoreConfig.create(server.settings())

    def read(self, place: Path, name: str, schema: pa.Schema) -> pa.Table:
        if name == "public.users":
            public = Postgres("public")
            rows = fetch(public, "users", schema)
            public.run("DROP TABLE public.users, public._hygge_commits")
            return rows
        return fetch(Postgres(schema_name(place)), name, schema)

    def change_a_row(self, place: Path, entity: str) -> None:
        Postgres(schema_name(place)).run(
            f"UPDATE {quoted(schema_name(place))}.{entity} SET name = 'x'"
        )

    def rows(self, place: Path, name: str = "things") -> pa.Table:
        """Return the rows by their `id`: splits are written at once, and tables have no order."""
        rows = super().rows(place, name)
        return rows.sort_by("id") if len(set(rows["id"].to_pylist())) == len(rows) else rows
