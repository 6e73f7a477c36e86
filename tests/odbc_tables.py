"""Databases that are read through ODBC in the tests, filled by other drivers value by value."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pymysql
import pytest
from servers import REQUIRED, mysql_login, mysql_url, schema_name


def driver(name: str) -> str:
    """Return a driver's part of a connection string; skips the test where it is not installed."""
    asked = ["odbcinst", "-q", "-d"]
    is_here = shutil.which("odbcinst") is not None
    listed = subprocess.run(asked, capture_output=True, text=True, check=False) if is_here else None
    if listed is None or f"[{name}]" not in listed.stdout:
        assert "odbc" not in REQUIRED, f"the ODBC driver '{name}' is required here"
        pytest.skip(
            f"no ODBC driver '{name}' here; on Debian:  apt install unixodbc odbc-postgresql "
            "odbc-mariadb libsqliteodbc"
        )
    return f"Driver={{{name}}}"


class MariaDb:
    """A database of its own in a real server, for one test."""

    def __init__(self, place: Path) -> None:
        self.database = schema_name(place)

    def connection(self) -> str:
        """Return the connection string."""
        login = mysql_login(mysql_url())
        server = "Server={host};Port={port};UID={user};PWD={password}".format(**login)
        return f"{driver('MariaDB Unicode')};{server};Database={self.database}"

    def run(self, sql: str, rows: list[tuple[Any, ...]] | None = None) -> None:
        """Run one statement, or one for each of `rows`."""
        server = pymysql.connect(**mysql_login(mysql_url()), init_command=_SESSION)
        with closing(server), server.cursor() as cursor:
            if rows is None:
                cursor.execute(sql)
            elif not rows:
                return
            else:
                cursor.executemany(sql, rows)

    def make(self) -> None:
        """Make the database."""
        self.run(f"CREATE DATABASE IF NOT EXISTS {self.database} CHARACTER SET utf8mb4")

    def drop(self) -> None:
        """Drop the database."""
        self.run(f"DROP DATABASE IF EXISTS {self.database}")

    def load(self, name: str, table: pa.Table) -> None:
        """Make a table and fill it."""
        target = f"{self.database}.{_ticked(name)}"
        fields = ", ".join(f"{_ticked(f.name)} {_mariadb_type(f.type)}" for f in table.schema)
        self.run(f"CREATE TABLE {target} ({fields})")
        marks = ", ".join(["%s"] * table.num_columns)
        self.run(f"INSERT INTO {target.replace('%', '%%')} VALUES ({marks})", _rows(table))


_SESSION = "SET time_zone = '+00:00', sql_mode = ''"


def _ticked(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    columns = [_plain(column) for column in table.columns]
    return list(zip(*columns, strict=True))


def _plain(column: pa.ChunkedArray) -> list[Any]:
    """Return values as a driver takes them: times in UTC without their zone, all times as text."""
    is_, kind = pa.types, column.type
    if is_.is_timestamp(kind):
        unzoned = column.cast(pa.timestamp(kind.unit, kind.tz and "UTC"))
        column = unzoned.cast(pa.timestamp(kind.unit)).cast(pa.string())
    if is_.is_time(kind) or is_.is_date(kind):
        column = column.cast(pa.string())
    values: list[Any] = column.to_pylist()
    if is_.is_nested(kind) or is_.is_duration(kind) or kind == pa.uuid():
        return [one if one is None else str(one) for one in values]
    return values


def _mariadb_type(kind: pa.DataType) -> str:
    is_ = pa.types
    if is_.is_integer(kind):
        name = {8: "tinyint", 16: "smallint", 32: "int", 64: "bigint"}[kind.bit_width]
        return name if is_.is_signed_integer(kind) else f"{name} unsigned"
    if is_.is_boolean(kind):
        return "bit(1)"
    if is_.is_floating(kind):
        return "double" if kind.bit_width == 64 else "float"
    if is_.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if is_.is_timestamp(kind):
        return "timestamp(6) null" if kind.tz else "datetime(6)"
    if is_.is_date(kind):
        return "date"
    if is_.is_time(kind):
        return "time(6)"
    return "longblob" if "binary" in str(kind) else "longtext"


class Sqlite:
    """A file of SQLite, for one test."""

    def __init__(self, place: Path) -> None:
        self.path = place / "data.db"

    def connection(self) -> str:
        """Return the connection string."""
        return f"{driver('SQLite3')};Database={self.path};Timeout=10000"

    def run(self, sql: str, rows: list[tuple[Any, ...]] | None = None) -> None:
        """Run one statement, or one for each of `rows`."""
        with closing(sqlite3.connect(self.path)) as connection:
            if rows is None:
                connection.execute(sql)
            else:
                connection.executemany(sql, rows)
            connection.commit()

    def load(self, name: str, table: pa.Table) -> None:
        """Make a table and fill it."""
        fields = ", ".join(f"{_doubled(f.name)} {_sqlite_type(f.type)}" for f in table.schema)
        self.run(f"CREATE TABLE {_doubled(name)} ({fields})")
        marks = ", ".join("?" * table.num_columns)
        rows = [tuple(str(v) if isinstance(v, Decimal) else v for v in row) for row in _rows(table)]
        self.run(f"INSERT INTO {_doubled(name)} VALUES ({marks})", rows)


def _doubled(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _sqlite_type(kind: pa.DataType) -> str:
    is_ = pa.types
    if is_.is_integer(kind):
        return "bigint"
    if is_.is_boolean(kind):
        return "boolean"
    if is_.is_floating(kind):
        return "double"
    return "blob" if "binary" in str(kind) else "text"
