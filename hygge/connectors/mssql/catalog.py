"""Queries of the server's catalog: names, columns, keys, sizes and dependents of tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.connectors.sql.table_names import TableName, quote

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

TABLES = """
SELECT s.name, o.name, o.type
FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id
WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0 AND LEFT(o.name, 7) <> '_hygge_'
ORDER BY s.name, o.name
"""
ACTUAL = """
SELECT s.name, o.name FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id
WHERE o.object_id = OBJECT_ID(?)
"""
COLLATION = "SELECT CAST(DATABASEPROPERTYEX(DB_NAME(), 'Collation') AS varchar(200))"
KIND = "SELECT type FROM sys.objects WHERE object_id = OBJECT_ID(?)"
COLUMNS = """
SELECT c.name, t.name, c.max_length, c.precision, c.scale, c.is_nullable,
       CASE WHEN c.default_object_id <> 0 OR c.is_identity = 1 OR c.is_computed = 1
              OR c.generated_always_type <> 0 OR t.name = 'timestamp' THEN 1
            ELSE 0 END
FROM sys.columns c
JOIN sys.types t ON t.user_type_id = CASE WHEN c.system_type_id = 240 THEN c.user_type_id
                                          ELSE c.system_type_id END
WHERE c.object_id = OBJECT_ID(?)
ORDER BY c.column_id
"""
COLLATIONS = """
SELECT name, collation_name FROM sys.columns
WHERE object_id = OBJECT_ID(?) AND collation_name IS NOT NULL
"""
IDENTITY = "SELECT name FROM sys.identity_columns WHERE object_id = OBJECT_ID(?)"
BESIDE = """
SELECT o.name FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id
WHERE s.name = ? AND o.type = 'U' AND LEFT(o.name, ?) = ?
"""
RENAME = "EXEC sp_rename ?, ?, 'OBJECT'"
RESULT = """
SELECT name, system_type_name, is_nullable, error_message
FROM sys.dm_exec_describe_first_result_set(?, NULL, 0)
WHERE is_hidden = 0 OR error_message IS NOT NULL
ORDER BY column_ordinal
"""
KEY = """
SELECT c.name FROM sys.indexes i
JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id
JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.is_primary_key = 1 AND i.object_id = OBJECT_ID(?)
ORDER BY k.key_ordinal
"""
SCHEMA = "SELECT COALESCE(SCHEMA_NAME(), 'dbo')"
ISOLATION = """
SELECT snapshot_isolation_state, is_read_committed_snapshot_on
FROM sys.databases WHERE database_id = DB_ID()
"""
LOSSES = """
SELECT TOP (1) reason, what FROM (
  SELECT 1 AS n, 'foreign keys refer to it' AS reason, f.name AS what
  FROM sys.foreign_keys f WHERE f.referenced_object_id = OBJECT_ID(?)
  UNION ALL SELECT 2, 'it has constraints', o.name
  FROM sys.objects o WHERE o.parent_object_id = OBJECT_ID(?) AND o.type IN ('F', 'C', 'D', 'UQ')
  UNION ALL SELECT 3, 'it has triggers', t.name
  FROM sys.triggers t WHERE t.parent_id = OBJECT_ID(?)
  UNION ALL SELECT 4, 'it has indexes', i.name
  FROM sys.indexes i WHERE i.object_id = OBJECT_ID(?) AND i.index_id > 0 AND i.is_primary_key = 0
  UNION ALL SELECT 5, 'views and procedures use it', OBJECT_NAME(d.referencing_id)
  FROM sys.sql_expression_dependencies d WHERE d.referenced_id = OBJECT_ID(?)
  UNION ALL SELECT 6, 'others have rights on it', USER_NAME(p.grantee_principal_id)
  FROM sys.database_permissions p WHERE p.class = 1 AND p.major_id = OBJECT_ID(?)
  UNION ALL SELECT 7, 'columns fill themselves', c.name
  FROM sys.columns c WHERE c.object_id = OBJECT_ID(?) AND (c.is_identity = 1 OR c.is_computed = 1)
  UNION ALL SELECT 8, 'it or its columns have comments', e.name
  FROM sys.extended_properties e WHERE e.class = 1 AND e.major_id = OBJECT_ID(?)
  UNION ALL SELECT 9, 'it is sent elsewhere or keeps its history', t.name
  FROM sys.tables t WHERE t.object_id = OBJECT_ID(?)
  AND (t.is_tracked_by_cdc = 1 OR t.is_replicated = 1 OR t.temporal_type <> 0
       OR EXISTS (SELECT 1 FROM sys.change_tracking_tables k WHERE k.object_id = t.object_id))
  UNION ALL SELECT 10, 'rules of security speak of it', OBJECT_NAME(p.object_id)
  FROM sys.security_predicates p WHERE p.target_object_id = OBJECT_ID(?)
) AS losses ORDER BY n
"""

_WORD = re.compile(r"\w+", re.ASCII)
"""Valid collation names, which SQL cannot quote."""
_WITH_LENGTH = ("char", "varchar", "nchar", "nvarchar", "binary", "varbinary")
_WITH_SCALE = ("time", "datetime2", "datetimeoffset")


@dataclass(frozen=True, slots=True)
class Column:
    """A column, its type as `dm_exec_describe_first_result_set` writes it."""

    name: str
    type: str
    nullable: bool
    fills_itself: bool = False
    """Whether it has a default, or is an identity or computed column."""


def quoted(name: TableName) -> str:
    """Return a table's quoted name."""
    return ".".join(bracketed(part) for part in (name.schema, name.name) if part)


def bracketed(name: str) -> str:
    """Return `name` in brackets; a closing bracket in it is doubled."""
    return "[" + quote(name, "]")[1:]


def tables(run: Run) -> list[TableName]:
    """Return every table and view except the server's own and hygge's."""
    return [TableName(schema, name) for schema, name, _ in run(TABLES)]


def kind(run: Run, name: TableName) -> str | None:
    """Return `table` or `view`, or `thing` for any other object of that name; None for none."""
    rows = run(KIND, (quoted(name),))
    known = {"U": "table", "V": "view"}
    return known.get(str(rows[0][0]).strip(), "thing") if rows else None


def actual(run: Run, name: TableName) -> TableName:
    """Return a table's name as spelled in the catalog, where its case may differ."""
    rows = run(ACTUAL, (quoted(name),))
    return TableName(str(rows[0][0]), str(rows[0][1])) if rows else name


def tells_case(run: Run) -> bool:
    """Return whether names are case-sensitive."""
    rows = run(COLLATION)
    collation = str(rows[0][0]) if rows else ""
    return "_CS_" in f"{collation}_" or "_BIN" in collation


def columns(run: Run, name: TableName) -> list[Column]:
    """Return the columns of a table, in their order."""
    found = []
    for column, base, length, precision, scale, nullable, fills in run(COLUMNS, (quoted(name),)):
        written = written_type(base, length, precision, scale)
        found.append(Column(column, written, bool(nullable), bool(fills)))
    return found


def collations(run: Run, name: TableName) -> dict[str, str]:
    """Return the collations of a table's text columns."""
    rows = run(COLLATIONS, (quoted(name),))
    return {str(column): str(found) for column, found in rows if _WORD.fullmatch(str(found))}


def written_type(base: str, length: int, precision: int, scale: int) -> str:
    """Return a type with its length, precision or scale, as in CREATE TABLE."""
    if base in _WITH_LENGTH:
        characters = length // 2 if base.startswith("n") and length > 0 else length
        return f"{base}({'max' if length < 0 else characters})"
    if base in ("decimal", "numeric"):
        return f"{base}({precision},{scale})"
    return f"{base}({scale})" if base in _WITH_SCALE else base


def described(run: Run, sql: str) -> tuple[list[Column], str | None]:
    """Return the columns of a query, or the server's error message."""
    rows = run(RESULT, (sql,))
    refused = next((error for *_, error in rows if error), None)
    return [Column(name or "", kind, bool(null)) for name, kind, null, _ in rows], refused


def reason_to_keep(run: Run, name: TableName) -> str | None:
    """Return the first thing that a swap of the table would lose; None when nothing."""
    rows = run(LOSSES, (quoted(name),) * LOSSES.count("?"))
    return f"{rows[0][0]}: {rows[0][1]}" if rows else None
