"""What stands in for SQL Server where none is: the driver's connection, over SQLite in memory.

It is no SQL Server and proves nothing of one. It runs what hygge sends, in SQLite's words, with the
equality that SQL Server's documentation tells of: texts are one whose letters differ in case only,
or in blanks at their end. So a merge that relies on `=` fails here.
"""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID

import mssql_python
import pyarrow as pa
from tsql import assert_tsql

from hygge.connectors.mssql import catalog, target
from hygge.connectors.mssql.comparison import BINARY

Rows = list[tuple[Any, ...]]
CI = "SQL_Latin1_General_CP1_CI_AS"
_BRACKETED = re.compile(r"\[((?:[^\]]|\]\])*)\]")
NAME = r'"(?:[^"]|"")*"'
_TEXT = re.compile(r"(n?(?:var)?char\((?:max|\d+)\))(?! COLLATE)")
_COUNTED = ";\nSELECT ROWCOUNT_BIG()"
_IGNORED = ("SET XACT", "SET NOCOUNT", "SET LOCK", "SET CONTEXT", "SET IDENTITY")
_REWRITTEN: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    (r"COUNT_BIG\(\*\)", "count(*)"),
    (r" WITH \((?:TABLOCKX, HOLDLOCK|READCOMMITTEDLOCK|READUNCOMMITTED)\)", ""),
    (
        r"^UPDATE t SET (.*) FROM (\S+) AS t JOIN (\S+) AS s ON (.*)$",
        r"UPDATE \2 AS t SET \1 FROM \3 AS s WHERE \4",
    ),
    (r"^UPDATE t SET (.*?) FROM (\S+) AS t +WHERE (.*)$", r"UPDATE \2 AS t SET \1 WHERE \3"),
    (r"^DELETE t FROM (\S+) AS t +WHERE", r"DELETE FROM \1 AS t WHERE"),
    (
        r"^WITH ranked AS \(SELECT (.*) AS number FROM (\S+)\) DELETE FROM ranked WHERE (.*)$",
        r"DELETE FROM \2 WHERE rowid IN "
        r"(SELECT place FROM (SELECT rowid AS place, \1 AS number FROM \2) WHERE \3)",
    ),
    (r"^SELECT (.*) INTO (\S+) (FROM .*)$", r"CREATE TABLE \2 AS SELECT \1 \3"),
    (r"^SELECT TOP \((\d+)\) (.*)$", r"SELECT \2 LIMIT \1"),
    (rf"\(([a-z.]*{NAME}) \+ N'\.'\)", r"(\1 || '.')"),
    (rf"CONVERT\(varchar\((?:max|\d+)\), ({NAME}), 2\)", r"hex(\1)"),
    (r"^CREATE TABLE .*$", lambda found: _TEXT.sub(rf"\1 COLLATE {CI}", found[0])),
    (
        r"^ALTER TABLE (\S+) ADD PRIMARY KEY \((.*)\)$",
        r"CREATE UNIQUE INDEX IF NOT EXISTS pk ON \1 (\2)",
    ),
]
"""What is said in other words, the parts of a statement that tell it in this order."""


class StandIn:
    """A database that has one schema, `dbo`."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, tuple[Any, ...]]] = []
        self.losses: Rows = []
        self.identity: Rows = []
        self.holders: dict[str, Wire] = {}
        self._numbered = False
        self.lock = threading.RLock()
        self.copying: Callable[[], object] = lambda: None
        self.db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.db.create_collation(BINARY, _compare(lambda text: text.rstrip(" ")))
        self.db.create_collation(f"{BINARY}_UTF8", _compare(lambda text: text.rstrip(" ")))
        self.db.create_collation(CI, _compare(lambda text: text.rstrip(" ").casefold()))
        self.db.create_function("DATALENGTH", 1, _length, deterministic=True)
        self.db.create_function("tsql_cast", 2, _cast, deterministic=True)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Let whoever begins a transaction have the database alone until its end."""
        before = self.db.in_transaction
        try:
            yield
        finally:
            if self.db.in_transaction and not before:
                self.lock.acquire()
            elif before and not self.db.in_transaction:
                self.lock.release()

    def connect(self, *_: Any, **__: Any) -> Wire:  # noqa: ANN401
        return Wire(self)

    def tables(self) -> list[str]:
        return [name for (name,) in self.db.execute("SELECT name FROM sqlite_schema")]

    def run(self, sql: str, values: tuple[Any, ...], wire: Wire) -> Rows | None:
        """Run a statement as the driver would; return its rows, None where it has none."""
        if "sp_getapplock" in sql:
            return [(0 if self.holders.setdefault(values[0], wire) is wire else -1,)]
        self.statements.append((sql, values))
        assert_tsql(sql)
        if sql in _ASKED:
            found: Rows | None = _ASKED[sql](self, *values)
            return found
        if sql.startswith("SET CONTEXT_INFO 0x"):
            wire.context = bytes.fromhex(sql.removeprefix("SET CONTEXT_INFO 0x")).decode()
        if sql.startswith(_IGNORED):
            if sql.startswith("SET IDENTITY"):
                self._numbered = sql.endswith(" ON")
            return None
        self._check_numbers(sql)
        if sql == "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION":
            sql = "ROLLBACK" if self.db.in_transaction else "SELECT 1"
        if altered := re.fullmatch(r"ALTER TABLE (.*) ALTER COLUMN (\[.*\]) (\S+).*", sql):
            self._retype(*map(translated, altered.groups()))
            return None
        cursor = self.db.execute(translated(sql.removesuffix(_COUNTED)), values)
        if sql.endswith(_COUNTED):
            return [(cursor.rowcount,)]
        return cursor.fetchall() if cursor.description else None

    def _check_numbers(self, sql: str) -> None:
        """Refuse numbers of a column that counts up, as the server does until it is told."""
        if inserted := re.match(r"INSERT INTO \[dbo\]\.\[things\] \((.*?)\) SELECT", sql):
            brings = any(f"[{name}]" in inserted[1] for (name,) in self.identity)
            if brings != (self._numbered and bool(self.identity)):
                raise sqlite3.IntegrityError("explicit value for identity column")

    def _retype(self, table: str, column: str, kind: str) -> None:
        """Give a column another type; it is the last one then, and may be null."""
        self.db.execute(f"ALTER TABLE {table} RENAME COLUMN {column} TO _old")
        self.db.execute(f"ALTER TABLE {table} ADD {column} {kind}")
        self.db.execute(f"UPDATE {table} SET {column} = _old")
        self.db.execute(f"ALTER TABLE {table} DROP COLUMN _old")

    def columns(self, table: str) -> Rows:
        found = []
        for _, name, kind, required, *_ in self.db.execute(f"PRAGMA table_info({_plain(table)})"):
            base, _, sizes = kind.rstrip(")").partition("(")
            numbers = [int(one) for one in sizes.split(",") if one]
            wide = 2 if base.startswith("n") and numbers and numbers[0] > 0 else 1
            length = numbers[0] * wide if numbers else 8
            scale = numbers[-1] if numbers else 0
            fills = (name,) in self.identity
            digits = numbers[0] if numbers else 0
            found.append((name, base, length, digits, scale, not required, fills))
        return found

    def named(self, table: str) -> Rows:
        sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND lower(name) = lower(?)"
        return self.db.execute(sql, (_plain(table)[1:-1].replace('""', '"'),)).fetchall()


class Wire:
    """A connection of the driver."""

    timeout = 0

    def __init__(self, server: StandIn) -> None:
        self.server = server
        self.context = ""

    def cursor(self) -> Cursor:
        return Cursor(self.server, self)

    def close(self) -> None:
        for name, holder in list(self.server.holders.items()):
            if holder is self:
                del self.server.holders[name]


class Cursor:
    """A cursor of the driver."""

    def __init__(self, server: StandIn, wire: Wire) -> None:
        self._server = server
        self._wire = wire
        self._rows: Rows = []
        self.description: object = None

    def execute(self, sql: str, values: tuple[Any, ...] = ()) -> None:
        marks = _BRACKETED.sub("", sql).count("?")
        assert marks == len(values), f"as many marks as values: {sql}"
        server = self._server
        try:
            with server.lock, server.turn():
                rows = server.run(sql, values, self._wire)
        except sqlite3.Error as error:
            mssql_python.exceptions.raise_exception("42000", f"{error}: {sql}")
        self.description, self._rows = (rows is not None) or None, rows or []

    def fetchall(self) -> Rows:
        return self._rows

    def nextset(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def bulkcopy_arrow(
        self, table: str, reader: pa.RecordBatchReader, *, column_mappings: list[str], **how: object
    ) -> None:
        assert how == {"timeout": 0, "table_lock": True, "keep_nulls": True}
        self._server.copying()
        names = ", ".join(map(_quoted, column_mappings))
        marks = ", ".join("?" * len(column_mappings))
        for batch in _read(reader):
            rows = [tuple(map(stored, row.values())) for row in batch.to_pylist()]
            with self._server.lock:
                into = f"INSERT INTO {_plain(table)} ({names}) VALUES ({marks})"
                self._server.db.executemany(into, rows)


def _read(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Yield batches; an error is what the driver makes of it."""
    try:
        yield from reader
    except Exception as error:
        raise RuntimeError(f"Failed to read next Arrow batch: {error}") from error


def translated(sql: str) -> str:
    """Return a statement in SQLite's words."""
    sql = _BRACKETED.sub(lambda found: _quoted(found[1].replace("]]", "]")), sql)
    sql = re.sub('"(dbo|public)"\\.', "", sql).replace(" TRANSACTION", "")
    sql = _casts(sql)
    for pattern, new in _REWRITTEN:
        sql = re.sub(pattern, new, sql, flags=re.DOTALL)
    return sql.replace("(max)", "(-1)")


def stored(value: object) -> object:
    """Return a value as the stand-in keeps it."""
    if isinstance(value, dt.datetime):
        text = value.replace(tzinfo=None).isoformat(" ", "microseconds")
        return text if value.tzinfo is None else f"{text} +00:00"
    if isinstance(value, (dt.date, dt.time, Decimal)):
        return str(value)
    return value


def read(server: StandIn, table: str, schema: pa.Schema) -> pa.Table:
    """Return the rows of a table, with the types of a schema."""
    names = ", ".join(map(_quoted, schema.names))
    rows = server.db.execute(f"SELECT {names} FROM {_quoted(table)}").fetchall()
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [
        pa.array([_back(value, field.type) for value in column], field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    return pa.table(arrays, schema=schema)


def _back(value: Any, kind: pa.DataType) -> object:  # noqa: ANN401
    if value is None:
        return None
    if pa.types.is_decimal(kind):
        return Decimal(str(value)).quantize(Decimal(1).scaleb(-kind.scale))
    if pa.types.is_boolean(kind):
        return bool(value)
    if kind == pa.uuid():
        return UUID(value).bytes
    if pa.types.is_time(kind):
        return dt.time.fromisoformat(value)
    if pa.types.is_date(kind):
        return dt.date.fromisoformat(value)
    if pa.types.is_timestamp(kind):
        return pa.scalar(dt.datetime.fromisoformat(value), pa.timestamp("us", kind.tz)).cast(kind)
    return value


def _casts(sql: str) -> str:
    """Return SQL whose casts are calls of a function."""
    found = re.search(r"\b(?:TRY_)?CAST\(", sql)
    if found is None:
        return sql
    depth, end = 1, found.end()
    while depth:
        depth += {"(": 1, ")": -1}.get(sql[end], 0)
        end += 1
    value, _, kind = sql[found.end() : end - 1].rpartition(" AS ")
    if value.endswith("_UTF8"):
        kind = f"n{kind}"
    return f"{sql[: found.start()]}tsql_cast({_casts(value)}, '{kind}'){_casts(sql[end:])}"


def _cast(value: Any, kind: str) -> Any:  # noqa: ANN401
    base, _, size = kind.rstrip(")").partition("(")
    if base in ("varchar", "nvarchar", "char", "nchar") and isinstance(value, str):
        if not base.startswith("n"):
            value = value.encode("cp1252", "replace").decode("cp1252")
        return value if size == "-1" else value[: int(size)]
    if base == "varbinary" and isinstance(value, str):
        return value.encode()
    if base == "datetime2" and size in ("0", "3") and isinstance(value, str):
        return value[:19] + (value[19:23] + "000" if size == "3" else "." + "0" * 6)
    return value


def _compare(key: Callable[[str], str]) -> Callable[[str, str], int]:
    return lambda left, right: (key(left) > key(right)) - (key(left) < key(right))


def _length(value: str | bytes | None) -> int | None:
    if value is None:
        return None
    return len(value.encode("utf-16-le") if isinstance(value, str) else value)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(table: str) -> str:
    """Return a table's name without its schema."""
    return translated(table)


def _known(server: StandIn, table: str) -> Rows:
    return [(1,)] if server.named(table) else [(None,)]


def _beside(server: StandIn, schema: str, length: int, prefix: str) -> Iterator[tuple[str]]:
    assert (schema in ("dbo", "public"), length) == (True, len(prefix))
    return ((name,) for name in server.tables() if name.startswith(prefix))


def _rename(server: StandIn, table: str, name: str) -> None:
    server.db.execute(f"ALTER TABLE {_plain(table)} RENAME TO {_quoted(name)}")


_ASKED: dict[str, Callable[..., Any]] = {
    catalog.COLLATION: lambda _: [(CI,)],
    catalog.SCHEMA: lambda _: [("dbo",)],
    catalog.ACTUAL: lambda server, table: [("dbo", name) for (name,) in server.named(table)],
    catalog.KIND: lambda server, table: [("U ",)] * len(server.named(table)),
    catalog.COLUMNS: lambda server, table: server.columns(table),
    catalog.COLLATIONS: lambda server, table: [
        (name, CI) for name, base, *_ in server.columns(table) if "char" in base
    ],
    catalog.IDENTITY: lambda server, _: server.identity,
    catalog.BESIDE: lambda *asked: list(_beside(*asked)),
    catalog.LOSSES: lambda server, *_: server.losses,
    catalog.RENAME: _rename,
    target.HOLDER: lambda server, name: [(53, server.holders[name].context + "\0")],
    "SELECT OBJECT_ID(?)": _known,
    "SELECT 1 WHERE SCHEMA_ID(?) IS NOT NULL": lambda *_: [(1,)],
}
