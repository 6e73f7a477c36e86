from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest
from postgres_tables import load, quoted
from servers import Postgres, schema_name

from hygge.connector import HomeConfig
from hygge.testing import HomeSuite

MISSING = "never: PostgreSQL does not have this type"
DIGITS = "never: PostgreSQL keeps microseconds"
LONGEST = f"test_an_awkward_name_is_listed_and_read[{'x' * 20}]"


class TestPostgresHome(HomeSuite):
    comes_back_as: ClassVar = {
        "null": pa.string(),
        "int8": pa.int16(),
        "uint8": pa.int16(),
        "uint16": pa.int32(),
        "uint32": pa.int64(),
        "uint64": pa.decimal128(20, 0),
        "float16": pa.float32(),
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
        "large list": pa.list_(pa.int64()),
        "fixed size list": pa.list_(pa.int64()),
    }
    exemptions: ClassVar = {
        "time(ns)": DIGITS,
        "timestamp(ns)": DIGITS,
        "timestamp(ns,UTC)": DIGITS,
        "duration(us)": "never: intervals come as text, for months have no fixed length",
        "struct": MISSING,
        "map": MISSING,
        "list of struct": MISSING,
        LONGEST: "never: names have at most 63 bytes",
    }

    @pytest.fixture(autouse=True)
    def clean(self, tmp_path: Path) -> Iterator[None]:
        yield
        Postgres(schema_name(tmp_path)).drop()

    def configure(self, place: Path, tables: Mapping[str, pa.Table]) -> HomeConfig:
        server = Postgres(schema_name(place))
        server.make()
        for name, table in tables.items():
            load(server, name, table)
        return HomeConfig.create(server.settings())

    def append(self, place: Path, entity: str, table: pa.Table) -> None:
        load(Postgres(schema_name(place)), entity, table)

    def spoil(self, place: Path, entity: str) -> None:
        Postgres(schema_name(place)).run(f"DROP TABLE {quoted(entity)}")
