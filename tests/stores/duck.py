"""Reads what the stores wrote with DuckDB, which knows nothing of hygge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

MICROSECONDS = {
    f"timestamp({unit}{zone})": pa.timestamp("us", "UTC" if zone else None)
    for unit in ("s", "ms", "us")
    for zone in ("", ",UTC", ",Europe/Oslo")
}
SHOWN_AS: dict[str, pa.DataType] = {
    **{name: kind for name, kind in MICROSECONDS.items() if name[10:] not in ("us)", "us,UTC)")},
    "float16": pa.float32(),
    "large string": pa.string(),
    "large binary": pa.binary(),
    "fixed size binary": pa.binary(),
    "date64": pa.date32(),
    "time(s)": pa.time64("us"),
    "time(ms)": pa.time64("us"),
    "dictionary": pa.string(),
    "large list": pa.list_(pa.int64()),
    "fixed size list": pa.list_(pa.int64()),
}
"""How DuckDB shows the types of the cases that it has no own type for."""
DECLARED_AS = {
    name: kind
    for name, kind in SHOWN_AS.items()
    if name not in ("timestamp(s)", "timestamp(ms)", "fixed size list")
} | {"null": pa.string()}
"""How DuckDB shows columns that were declared to have the types of the cases."""


def duck() -> duckdb.DuckDBPyConnection:
    """Return a fresh connection that shows times with a zone in UTC."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def columns_of(schema: pa.Schema) -> dict[str, str]:
    """Return DuckDB's own names for the types of a schema."""
    for index, field in enumerate(schema):
        if pa.types.is_float16(field.type):
            schema = schema.set(index, field.with_type(pa.float32()))
    with duck() as connection:
        relation = connection.from_arrow(schema.empty_table())
        return {
            name: str(kind) for name, kind in zip(relation.columns, relation.types, strict=True)
        }


def read_text(function: str, paths: Sequence[Path], schema: pa.Schema, options: str) -> pa.Table:
    """Return the rows of text files, their columns declared to be of DuckDB's types."""
    files = ", ".join(_literal(str(path)) for path in paths)
    columns = columns_of(schema)
    types = ", ".join(f"{_literal(name)}: {_literal(kind)}" for name, kind in columns.items())
    sql = f"SELECT * FROM {function}([{files}], columns = {{{types}}}, {options})"
    with duck() as connection:
        return connection.sql(sql).to_arrow_table()


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
