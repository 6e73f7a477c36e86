"""Reads text files as tables with DuckDB, which knows nothing of hygge. Needs duckdb.

A store of text states no types in its files, so its test declares them:

    class TestLedgerStore(FileStoreSuite):
        type_name = "ledger"
        comes_back_as = DECLARED_AS

        def read_files(self, paths, schema):
            return read_text("read_csv", paths, schema, "header = true, delim = '|'")
"""

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
"""How DuckDB shows the types of `CASES` that it has no own type for, for `comes_back_as`."""
DECLARED_AS = {
    name: kind
    for name, kind in SHOWN_AS.items()
    if name not in ("timestamp(s)", "timestamp(ms)", "fixed size list")
} | {"null": pa.string()}
"""How `read_text` shows the types of `CASES`, for `comes_back_as`."""


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
    """Return the rows of text files, one after the other, their columns declared by `schema`.

    `function` is one of DuckDB, `read_csv` or `read_json`, and `options` are its named parameters,
    as SQL. Raises `duckdb.Error` for a value that is not of its column's type.
    """
    files = ", ".join(_literal(str(path)) for path in paths)
    columns = columns_of(schema)
    types = ", ".join(f"{_literal(name)}: {_literal(kind)}" for name, kind in columns.items())
    sql = f"SELECT * FROM {function}([{files}], columns = {{{types}}}, {options})"
    with duck() as connection:
        return connection.sql(sql).to_arrow_table()


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
