from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest
from odbc_tables import MariaDb, Sqlite, driver
from pg_tables import load, quoted
from servers import Postgres, schema_name

from hygge.connector import Home, HomeConfig, ProjectContext, ReadRequest
from hygge.errors import HomeError
from hygge.sql.odb.settings import OdbcSettings
from hygge.testing import HomeSuite
from hygge.testing.homes import read_entity

DIGITS = "never: the database keeps microseconds"
MISSING = "never: the database has no such type"
UTC = pa.timestamp("us", "UTC")
TEXTS = {
    "large string": pa.string(),
    "large binary": pa.binary(),
    "fixed size binary": pa.binary(),
    "dictionary": pa.string(),
    "null": pa.string(),
}
TIMES = {
    "float16": pa.float32(),
    "date64": pa.date32(),
    "time(s)": pa.time64("us"),
    "time(ms)": pa.time64("us"),
    "timestamp(s)": pa.timestamp("us"),
    "timestamp(ms)": pa.timestamp("us"),
}
NO_PLACE = {
    "time(ns)": DIGITS,
    "timestamp(ns)": DIGITS,
    "timestamp(ns,UTC)": DIGITS,
    "duration(us)": MISSING,
    "struct": MISSING,
    "map": MISSING,
    "list": MISSING,
    "large list": MISSING,
    "fixed size list": MISSING,
    "list of struct": MISSING,
    "uuid": MISSING,
}


def odbc(connection: str, **settings: object) -> Home:
    """Return a home behind a connection string."""
    data = {"type": "odbc", "connection": connection, **settings}
    return HomeConfig.create(data).home(ProjectContext(Path("/")))


def postgres_string() -> str:
    """Return the connection string of the test's PostgreSQL server."""
    return f"{driver('PostgreSQL Unicode')};{Postgres('public').odbc_string()}"


class TestOdbcPostgres(HomeSuite):
    comes_back_as: ClassVar = {
        **TEXTS,
        **TIMES,
        "int8": pa.int16(),
        "uint8": pa.int16(),
        "uint16": pa.int32(),
        "uint32": pa.int64(),
        "uint64": pa.decimal128(20, 0),
        "timestamp(s,UTC)": UTC,
        "timestamp(ms,UTC)": UTC,
        "timestamp(us,Europe/Oslo)": UTC,
    }
    exemptions: ClassVar = {**NO_PLACE, "x" * 200: "never: names have at most 63 bytes"}

    @pytest.fixture(autouse=True)
    def clean(self, tmp_path: Path) -> Iterator[None]:
        yield
        Postgres(schema_name(tmp_path)).drop()

    def make_home(self, place: Path, tables: Mapping[str, pa.Table]) -> Home:
        server = Postgres(schema_name(place))
        server.make()
        for name, table in tables.items():
            load(server, name, table)
        return odbc(postgres_string(), schema=server.schema)

    def spoil(self, place: Path, entity: str) -> None:
        Postgres(schema_name(place)).run(f"DROP TABLE {quoted(entity)}")


class TestOdbcMariaDb(HomeSuite):
    comes_back_as: ClassVar = {
        **TEXTS,
        **TIMES,
    }
    exemptions: ClassVar = {
        **NO_PLACE,
        "float32": "never: MariaDB has neither NaN nor infinity",
        "float64": "never: MariaDB has neither NaN nor infinity",
        "float16": "never: MariaDB has neither NaN nor infinity",
        "decimal(76,30)": "never: MariaDB's decimals have at most 65 digits",
        **{
            f"timestamp({zone})": "never: MariaDB's instants lie between 1970 and 2038"
            for zone in ("s,UTC", "ms,UTC", "us,UTC", "us,Europe/Oslo")
        },
        "x" * 200: "never: names have at most 64 characters",
    }

    @pytest.fixture(autouse=True)
    def clean(self, tmp_path: Path) -> Iterator[None]:
        yield
        MariaDb(tmp_path).drop()

    def make_home(self, place: Path, tables: Mapping[str, pa.Table]) -> Home:
        server = MariaDb(place)
        server.make()
        for name, table in tables.items():
            server.load(name, table)
        return odbc(server.connection())

    def spoil(self, place: Path, entity: str) -> None:
        MariaDb(place).run(f"DROP TABLE {MariaDb(place).database}.`{entity}`")


class TestOdbcSqlite(HomeSuite):
    comes_back_as: ClassVar = {
        **TEXTS,
        **{f"{sign}int{bits}": pa.int64() for sign in ("", "u") for bits in (8, 16, 32)},
        "float16": pa.float64(),
        "float32": pa.float64(),
    }
    exemptions: ClassVar = {
        **NO_PLACE,
        "uint64": "never: SQLite's whole numbers have 64 bits and a sign",
        "float16": "never: SQLite keeps no sign of a zero",
        "float32": "never: SQLite keeps neither NaN nor the sign of a zero",
        "float64": "never: SQLite keeps neither NaN nor the sign of a zero",
        **{
            name: "never: SQLite has no such type, and keeps it as text"
            for name in ("date", "date64", "time(s)", "time(ms)", "time(us)")
            + tuple(f"timestamp({unit})" for unit in ("s", "ms", "us"))
            + tuple(f"timestamp({unit},UTC)" for unit in ("s", "ms", "us"))
            + ("timestamp(us,Europe/Oslo)",)
            + tuple(f"decimal({shape})" for shape in ("9,2", "38,0", "38,18", "76,30"))
        },
    }

    def make_home(self, place: Path, tables: Mapping[str, pa.Table]) -> Home:
        file = Sqlite(place)
        for name, table in tables.items():
            file.load(name, table)
        return odbc(file.connection())

    def spoil(self, place: Path, entity: str) -> None:
        Sqlite(place).run(f'DROP TABLE "{entity}"')
