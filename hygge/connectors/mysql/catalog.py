"""Queries of the server's catalog: names, columns, keys, sizes and dependents of tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from hygge.connectors.mysql.types import Column
from hygge.connectors.sql.table_names import TableName

if TYPE_CHECKING:
    from hygge.connectors.mysql.connections import Rows
    from hygge.connectors.sql.chain import Run

_OWN = "'mysql', 'information_schema', 'performance_schema', 'sys'"
_TABLES = f"""
SELECT t.table_schema, t.table_name, t.table_type, t.table_rows, t.data_length, t.table_comment,
       t.engine, e.transactions
FROM information_schema.tables t LEFT JOIN information_schema.engines e ON e.engine = t.engine
WHERE t.table_schema NOT IN ({_OWN}) AND t.table_type IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')
"""
_LISTED = "AND t.table_name NOT LIKE '\\\\_hygge\\\\_%'"
_COLUMNS = """
SELECT table_schema, table_name, column_name, column_type, is_nullable, column_comment,
       column_default, extra
FROM information_schema.columns WHERE {} ORDER BY table_schema, table_name, ordinal_position
"""
_KEYS = """
SELECT table_schema, table_name, column_name FROM information_schema.statistics
WHERE index_name = 'PRIMARY' AND {} ORDER BY table_schema, table_name, seq_in_index
"""
_ONE = "table_schema = ? AND table_name = ?"
_UNSIGNED, _ENUM, _SET, _NOT_NULL = 32, 256, 2048, 1
_BINARY_CHARSET = 63
_WHOLE = {1: "tinyint", 2: "smallint", 3: "int", 8: "bigint", 9: "mediumint"}
_PLAIN = {
    4: "float",
    5: "double",
    6: "null",
    10: "date",
    13: "year",
    14: "date",
    245: "json",
    255: "geometry",
}
_TIMED = {7: "timestamp", 11: "time", 12: "datetime"}
_DECIMALS = (0, 246)
_BIT, _FIXED = 16, 254
"""Type codes of the protocol: https://mariadb.com/kb/en/result-set-packets/"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view."""

    name: TableName
    kind: str
    """Kind of object for messages: `table` or `view`."""
    rows: int | None
    """The server's estimate; None where it has none."""
    bytes: int
    comment: str
    engine: str
    is_transactional: bool


def tables(run: Run) -> list[Table]:
    """Return every table and view except the server's own and hygge's."""
    return sorted((_table(row) for row in run(_TABLES + _LISTED)), key=lambda one: one.name)


def find(run: Run, name: TableName) -> Table | None:
    """Return the table of exactly this name; None when there is none."""
    rows = run(
        f"{_TABLES} AND t.{_ONE.replace('AND ', 'AND t.')} ORDER BY BINARY t.table_name = ? DESC",
        (name.schema, name.name, name.name),
    )
    found = [_table(row) for row in rows]
    exact = [table for table in found if table.name == name]
    if not exact and found and run("SELECT @@lower_case_table_names")[0][0]:
        return found[0]
    return exact[0] if exact else None


def _table(row: Sequence[Any]) -> Table:
    schema, name, kind, rows, size, comment, engine, transactions = row
    is_view = kind == "VIEW"
    return Table(
        TableName(schema, name),
        "view" if is_view else "table",
        None if is_view or rows is None else int(rows),
        int(size or 0),
        comment or "",
        engine or "",
        transactions == "YES",
    )


def columns(run: Run, name: TableName | None = None) -> dict[TableName, list[Column]]:
    """Return the columns of one table, or of all tables, in their order."""
    where, values = _where(name)
    rows = run(_COLUMNS.format(where), values)
    return {
        TableName(*key): [_column(row[2:]) for row in group]
        for key, group in groupby(rows, key=lambda row: row[:2])
    }


def _column(row: Sequence[Any]) -> Column:
    name, kind, nullable, comment, default, extra = row
    fills = default not in (None, "NULL") or "auto_increment" in extra or "GENERATED" in extra
    # MySQL reports DEFAULT_GENERATED for a default that is an expression.
    is_computed = any(word in extra for word in ("VIRTUAL", "STORED", "PERSISTENT"))
    return Column(name, _decoded(kind), nullable == "YES", comment, fills, is_computed)


def _decoded(text: str | bytes) -> str:
    return text.decode() if isinstance(text, bytes) else text


def primary_keys(run: Run, name: TableName | None = None) -> dict[TableName, tuple[str, ...]]:
    """Return the primary keys of one table, or of all tables."""
    where, values = _where(name)
    rows = run(_KEYS.format(where), values)
    return {
        TableName(*key): tuple(row[2] for row in group)
        for key, group in groupby(rows, key=lambda row: row[:2])
    }


def _where(name: TableName | None) -> tuple[str, tuple[str, ...]]:
    if name is None:
        return f"table_schema NOT IN ({_OWN})", ()
    return _ONE, (name.schema, name.name)


def query_columns(run: Rows, sql: str) -> list[Column]:
    """Return the columns of a query from the metadata of its result set."""
    run(f"SELECT * FROM {sql} LIMIT 0")
    result: Any = run.connection._result
    return [Column(one.name, _type(one), not one.flags & _NOT_NULL) for one in result.fields]


def _type(described: Any) -> str:  # noqa: ANN401
    """Return the type of a result column, spelled like information_schema."""
    code, length, scale = described.type_code, described.length, described.scale
    sign = " unsigned" if described.flags & _UNSIGNED else ""
    if code in _WHOLE:
        return _WHOLE[code] + sign
    if code in _PLAIN:
        return _PLAIN[code]
    if code in _TIMED:
        return f"{_TIMED[code]}({min(scale, 6)})"
    if code in _DECIMALS:
        digits = length - (scale > 0) - (not sign)
        return f"decimal({min(max(digits, scale, 1), 65)},{scale})"
    if code == _BIT:
        return f"bit({length})"
    if described.flags & (_ENUM | _SET):
        return "set" if described.flags & _SET else "enum"
    if described.charsetnr != _BINARY_CHARSET:
        return "longtext"
    return f"binary({length})" if code == _FIXED and length <= 255 else "longblob"


_LOSSES = (
    (
        "it has triggers: {}",
        "SELECT trigger_name FROM information_schema.triggers "
        "WHERE event_object_schema = ? AND event_object_table = ?",
    ),
    (
        "foreign keys refer to it: {}",
        "SELECT DISTINCT concat(table_name, '.', constraint_name) "
        "FROM information_schema.key_column_usage "
        "WHERE referenced_table_schema = ? AND referenced_table_name = ?",
    ),
    (
        "it has constraints: {}",
        f"SELECT constraint_name FROM information_schema.table_constraints WHERE {_ONE} "
        "AND constraint_type IN ('FOREIGN KEY', 'UNIQUE', 'CHECK')",
    ),
    (
        "it has indexes: {}",
        f"SELECT DISTINCT index_name FROM information_schema.statistics WHERE {_ONE} "
        "AND index_name <> 'PRIMARY'",
    ),
    (
        "it is in partitions: {}",
        f"SELECT partition_name FROM information_schema.partitions WHERE {_ONE} "
        "AND partition_name IS NOT NULL",
    ),
    (
        "columns are generated: {}",
        f"SELECT column_name FROM information_schema.columns WHERE {_ONE} AND "
        "((column_default IS NOT NULL AND column_default <> 'NULL') OR extra <> '')",
    ),
    (
        "its columns have comments: {}",
        f"SELECT column_name FROM information_schema.columns WHERE {_ONE} "
        "AND column_comment <> '' AND column_comment NOT LIKE 'hygge: %'",
    ),
    (
        "it is a system-versioned table: {}",
        f"SELECT table_type FROM information_schema.tables WHERE {_ONE} "
        "AND table_type = 'SYSTEM VERSIONED'",
    ),
)
_MOST_NAMES = 3


def reason_to_keep(run: Run, table: TableName) -> str | None:
    """Return the first thing that a swap of the table would lose; None when nothing."""
    for reason, sql in _LOSSES:
        names = sorted({str(name) for (name,) in run(sql, (table.schema, table.name))})
        if names:
            more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            return reason.format(", ".join(names[:_MOST_NAMES]) + more)
    return None
