"""Arrow tables written to and read from SQLite by Python's own module, value by value."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa

DDL = {
    "bool": "BOOLEAN",
    "halffloat": "REAL",
    "float": "REAL",
    "double": "DOUBLE",
    "date32[day]": "DATE",
    "date64[ms]": "DATE",
    "null": "TEXT",
}


def ddl(kind: pa.DataType) -> str:
    """Return the type that a person would declare for values of `kind`."""
    is_ = pa.types
    if str(kind) in DDL:
        return DDL[str(kind)]
    if kind == pa.uint64():
        return "DECIMAL_TEXT(20,0)"
    if is_.is_integer(kind):
        return "BIGINT"
    if kind == pa.uuid():
        return "UUID"
    if is_.is_decimal(kind):
        return f"DECIMAL_TEXT({kind.precision},{kind.scale})"
    if is_.is_timestamp(kind):
        return ("TIMESTAMPTZ" if kind.tz else "DATETIME") + ("(9)" if kind.unit == "ns" else "")
    if is_.is_time(kind):
        return "TIME(9)" if kind.unit == "ns" else "TIME"
    return "BLOB" if "binary" in str(kind) else "TEXT"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    """Open a file, commit what was done to it, and close it."""
    connection = sqlite3.connect(file)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def run(file: Path, sql: str) -> list[tuple[Any, ...]]:
    """Run one statement; return all rows."""
    with opened(file) as connection:
        return connection.execute(sql).fetchall()


def load(file: Path, name: str, table: pa.Table) -> None:
    """Make a table and fill it, one Python value after the other."""
    fields = ", ".join(f"{quoted(field.name)} {ddl(field.type)}" for field in table.schema)
    marks = ", ".join("?" for _ in table.schema)
    columns = [
        _plain(column, field.type) for column, field in zip(table, table.schema, strict=True)
    ]
    with opened(file) as connection:
        connection.execute(f"CREATE TABLE {quoted(name)} ({fields})")
        connection.executemany(
            f"INSERT INTO {quoted(name)} VALUES ({marks})", zip(*columns, strict=True)
        )


def _plain(column: pa.ChunkedArray, kind: pa.DataType) -> list[Any]:
    """Return values as a person stores them: numbers, texts and bytes."""
    is_ = pa.types
    if is_.is_timestamp(kind) or is_.is_time(kind):
        zoned = getattr(kind, "tz", None)
        utc = column.cast(pa.timestamp(kind.unit, "UTC")) if zoned else column
        return list(utc.cast(pa.string()).to_pylist())
    values = column.to_pylist()
    if is_.is_uint64(kind) or is_.is_decimal(kind):
        return [None if value is None else f"{Decimal(value):f}" for value in values]
    if is_.is_date(kind):
        return [None if value is None else value.isoformat() for value in values]
    if kind == pa.uuid():
        return [None if value is None else str(value) for value in values]
    if is_.is_nested(kind) or is_.is_duration(kind):
        return [None if value is None else str(value) for value in values]
    return list(values)


def fetch(file: Path, name: str, schema: pa.Schema) -> pa.Table:
    """Return all rows of a table in the order of their numbers, as `schema` says."""
    names = ", ".join(quoted(field.name) for field in schema)
    rows = run(file, f"SELECT {names} FROM {quoted(name)} ORDER BY rowid")
    columns = [_array([row[n] for row in rows], field.type) for n, field in enumerate(schema)]
    return pa.Table.from_arrays(columns, schema=schema)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    is_ = pa.types
    if is_.is_timestamp(kind) or is_.is_time(kind):
        ticks = [None if value is None else _ticks(value, kind) for value in values]
        return pa.array(ticks, pa.int64()).view(kind)
    return pa.array([None if value is None else _value(value, kind) for value in values], kind)


def _ticks(text: str, kind: pa.DataType) -> int:
    """Return a time as whole numbers of its unit, to the last digit that Python's own lack."""
    whole, _, rest = text.removesuffix("Z").partition(".")
    digits = {"s": 0, "ms": 3, "us": 6, "ns": 9}[kind.unit]
    fraction = int((rest or "0").ljust(digits, "0") or "0")
    if pa.types.is_time(kind):
        hours, minutes, seconds = map(int, whole.split(":"))
        return int((hours * 3600 + minutes * 60 + seconds) * 10**digits + fraction)
    assert text.endswith("Z") == (kind.tz is not None)
    seconds = (dt.datetime.fromisoformat(whole) - dt.datetime(1970, 1, 1)) // dt.timedelta(
        seconds=1
    )
    return int(seconds * 10**digits + fraction)


def _value(value: Any, kind: pa.DataType) -> Any:  # noqa: ANN401
    is_ = pa.types
    if is_.is_boolean(kind):
        assert value in (0, 1)
        return bool(value)
    if is_.is_decimal(kind):
        assert isinstance(value, str)
        return Decimal(value)
    if is_.is_date(kind):
        return dt.date.fromisoformat(value)
    if kind == pa.uuid():
        return UUID(value).bytes
    return from_json(json.loads(value), kind) if is_.is_nested(kind) else value


def from_json(value: Any, kind: pa.DataType) -> Any:  # noqa: ANN401
    """Return what a value of JSON stands for."""
    is_ = pa.types
    if value is None:
        return None
    if is_.is_map(kind):
        return [(one["key"], one["value"]) for one in value]
    if is_.is_struct(kind):
        return {field.name: from_json(value[field.name], field.type) for field in kind}
    if is_.is_nested(kind):
        return [from_json(one, kind.value_type) for one in value]
    return Decimal(value) if is_.is_decimal(kind) else value
