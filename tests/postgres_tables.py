"""Arrow tables written to and read from PostgreSQL by psycopg alone, value by value."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
from servers import Postgres

DDL = {
    "bool": "boolean",
    "int8": "smallint",
    "uint8": "smallint",
    "int16": "smallint",
    "uint16": "integer",
    "int32": "integer",
    "uint32": "bigint",
    "int64": "bigint",
    "uint64": "numeric(20,0)",
    "halffloat": "real",
    "float": "real",
    "double": "double precision",
    "date32[day]": "date",
    "date64[ms]": "date",
    "null": "text",
}


def ddl(kind: pa.DataType) -> str:
    """Return the type that a person would declare for values of `kind`."""
    is_ = pa.types
    if str(kind) in DDL:
        return DDL[str(kind)]
    if kind == pa.uuid():
        return "uuid"
    if is_.is_decimal(kind):
        return f"numeric({kind.precision},{kind.scale})"
    if is_.is_timestamp(kind):
        return "timestamptz" if kind.tz else "timestamp"
    if is_.is_time(kind):
        return "time"
    if is_.is_duration(kind):
        return "interval"
    if is_.is_list(kind) or is_.is_large_list(kind) or is_.is_fixed_size_list(kind):
        return f"{ddl(kind.value_type)}[]"
    if "binary" in str(kind):
        return "bytea"
    if is_.is_struct(kind) or is_.is_map(kind):
        return "json"
    return "text"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def load(server: Postgres, name: str, table: pa.Table) -> None:
    """Make a table and fill it by COPY, one Python value after the other."""
    fields = ", ".join(f"{quoted(field.name)} {ddl(field.type)}" for field in table.schema)
    target = f"{quoted(server.schema)}.{quoted(name)}"
    with server.connect() as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {target} ({fields})".encode())
        if not table.num_rows:
            return
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {target} FROM STDIN".encode()) as copy,
        ):
            columns = [_in_utc(column).to_pylist() for column in table.columns]
            for row in zip(*columns, strict=True):
                copy.write_row(row)


def _in_utc(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times in UTC: in other zones Python has no room for the first and last years."""
    is_zoned = pa.types.is_timestamp(column.type) and column.type.tz
    return column.cast(pa.timestamp(column.type.unit, "UTC")) if is_zoned else column


def fetch(server: Postgres, name: str, schema: pa.Schema) -> pa.Table:
    """Return all rows of a table in the order in which they lie there, as `schema` says."""
    names = ", ".join(_shown(field) for field in schema)
    target = f"{quoted(server.schema)}.{quoted(name)}"
    rows = server.run(f"SELECT {names} FROM {target} ORDER BY ctid")
    columns = [
        pa.array([_value(row[n], field.type) for row in rows], field.type)
        for n, field in enumerate(schema)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _shown(field: pa.Field) -> str:
    if pa.types.is_duration(field.type):
        return f"(extract(epoch FROM {quoted(field.name)}) * 1000000)::bigint::text"
    return f"{quoted(field.name)}::text"


def _value(text: str | None, kind: pa.DataType) -> Any:  # noqa: ANN401
    """Return the value that the server's text stands for."""
    is_ = pa.types
    if text is None:
        return None
    if is_.is_boolean(kind):
        return text == "true"
    if is_.is_integer(kind) or is_.is_duration(kind):
        return int(text)
    if is_.is_floating(kind):
        return float(text)
    if is_.is_decimal(kind):
        return Decimal(text)
    if kind == pa.uuid():
        return UUID(text).bytes
    if "binary" in str(kind):
        return bytes.fromhex(text.removeprefix("\\x"))
    if is_.is_list(kind) and not is_.is_nested(kind.value_type):
        return [_value(one, kind.value_type) for one in _items(text)]
    return _from_json(json.loads(text), kind) if is_.is_nested(kind) else _time(text, kind)


def _from_json(value: Any, kind: pa.DataType) -> Any:  # noqa: ANN401
    is_ = pa.types
    if value is None:
        return None
    if is_.is_map(kind):
        return [(one["key"], one["value"]) for one in value]
    if is_.is_struct(kind):
        return {f.name: _from_json(value[f.name], f.type) for f in kind}
    if is_.is_list(kind):
        return [_from_json(one, kind.value_type) for one in value]
    return Decimal(value) if is_.is_decimal(kind) else value


def _items(text: str) -> list[str | None]:
    return [None if one == "NULL" else one for one in text[1:-1].split(",") if one]


def _time(text: str, kind: pa.DataType) -> Any:  # noqa: ANN401
    is_ = pa.types
    if is_.is_date(kind):
        return dt.date.fromisoformat(text)
    if is_.is_time(kind):
        return dt.time.fromisoformat(text)
    if is_.is_timestamp(kind):
        return dt.datetime.fromisoformat(text)
    return text
