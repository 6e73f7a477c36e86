"""Arrow tables written to and read from MySQL by PyMySQL alone, value by value."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
from servers import Mysql

DDL = {
    "bool": "tinyint(1)",
    "halffloat": "float",
    "float": "float",
    "double": "double",
    "date32[day]": "date",
    "date64[ms]": "date",
    "null": "text",
    "fixed_size_binary[3]": "binary(3)",
}
DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 6}
WHOLE = {8: "tinyint", 16: "smallint", 32: "int", 64: "bigint"}


def ddl(kind: pa.DataType) -> str:
    """Return the type that a person would declare for values of `kind`."""
    is_ = pa.types
    if str(kind) in DDL:
        return DDL[str(kind)]
    if is_.is_integer(kind):
        sign = "" if is_.is_signed_integer(kind) else " unsigned"
        return WHOLE[kind.bit_width] + sign
    if kind == pa.uuid():
        return "uuid"
    if is_.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if is_.is_timestamp(kind):
        return f"datetime({DIGITS[kind.unit]})"
    if is_.is_time(kind):
        return f"time({DIGITS[kind.unit]})"
    if "binary" in str(kind):
        return "longblob"
    return "longtext"


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def load(server: Mysql, name: str, table: pa.Table) -> None:
    """Make a table and fill it, one Python value after the other."""
    fields = ", ".join(f"{quoted(field.name)} {ddl(field.type)}" for field in table.schema)
    with server.connect(server.database) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {quoted(name)} ({fields}) CHARACTER SET utf8mb4")
        marks = ", ".join(["%s"] * table.num_columns)
        columns = [_plain(column).to_pylist() for column in table.columns]
        rows = [[_written(value) for value in row] for row in zip(*columns, strict=True)]
        sql = f"INSERT INTO {quoted(name).replace('%', '%%')} VALUES ({marks})"
        if rows:
            cursor.executemany(sql, rows)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times in UTC: in other zones Python has no room for the first and last years."""
    is_zoned = pa.types.is_timestamp(column.type) and column.type.tz
    return column.cast(pa.timestamp(column.type.unit, "UTC")) if is_zoned else column


def _written(value: object) -> object:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return value


def fetch(server: Mysql, name: str, schema: pa.Schema) -> pa.Table:
    """Return all rows of a table in the order in which they lie there, as `schema` says."""
    names = ", ".join(_shown(field) for field in schema)
    rows = server.run(f"SELECT {names} FROM {quoted(name)}")
    columns = [
        pa.array([_value(row[n], field.type) for row in rows], field.type)
        for n, field in enumerate(schema)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _shown(field: pa.Field) -> str:
    name = quoted(field.name)
    is_text = not pa.types.is_binary(field.type) and not pa.types.is_fixed_size_binary(field.type)
    if pa.types.is_float32(field.type):
        return f"{name} * 1e0"
    return f"CAST({name} AS CHAR)" if is_text and field.type != pa.uuid() else name


def _value(text: Any, kind: pa.DataType) -> Any:  # noqa: ANN401
    """Return the value that the server's text stands for."""
    is_ = pa.types
    if text is None or kind == pa.uuid():
        return text
    if is_.is_boolean(kind):
        return {"0": False, "1": True}[text]
    if is_.is_integer(kind):
        return int(text)
    if is_.is_floating(kind):
        return float(text)
    if is_.is_decimal(kind):
        return Decimal(text)
    if is_.is_date(kind):
        return dt.date.fromisoformat(text)
    if is_.is_time(kind):
        return dt.time.fromisoformat(text)
    if is_.is_timestamp(kind):
        zone = dt.UTC if kind.tz else None
        return dt.datetime.fromisoformat(text).replace(tzinfo=zone)
    return text
