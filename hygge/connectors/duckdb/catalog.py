"""Queries of a DuckDB file's catalog: names, columns, keys and dependents of tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.connectors.sql.table_names import OWN, TableName, quote

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

DEFAULT_SCHEMA = "main"
_TABLES = """
SELECT schema_name, table_name, 'table', estimated_size FROM duckdb_tables()
WHERE NOT internal AND NOT temporary AND database_name = current_database()
UNION ALL
SELECT schema_name, view_name, 'view', NULL FROM duckdb_views()
WHERE NOT internal AND NOT temporary AND database_name = current_database()
ORDER BY 1, 2
"""
_COLUMNS = """
SELECT name, type, NOT "notnull", coalesce(dflt_value, ''), pk FROM pragma_table_info(?)
"""
_KEYS = """
SELECT constraint_column_names FROM duckdb_constraints()
WHERE database_name = current_database() AND schema_name = ? AND table_name = ?
  AND constraint_type = 'PRIMARY KEY'
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view."""

    name: TableName
    kind: str
    rows: int | None
    """Estimated rows; None for a view."""

    @property
    def is_own(self) -> bool:
        """Whether it is one that hygge keeps beside those it writes."""
        return self.name.name.startswith(OWN)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    type: str
    nullable: bool
    default: str
    """The expression that fills it, also of a generated column; empty where there is none."""
    is_key: bool = False
    """Whether it is part of the primary key."""


def tables(run: Run, *, own: bool = False) -> list[Table]:
    """Return every table and view that is not DuckDB's own or, without `own`, hygge's."""
    found = [
        Table(TableName(schema, name), kind, rows) for schema, name, kind, rows in run(_TABLES)
    ]
    return [table for table in found if own or not table.is_own]


def columns(run: Run, table: TableName) -> list[Column]:
    """Return the columns of a table or view, in their order, without a look at other tables."""
    return [Column(*row) for row in run(_COLUMNS, (f"{quote(table.schema)}.{quote(table.name)}",))]


def computes(run: Run, table: TableName) -> bool:
    """Return whether a table may have generated columns, which DuckDB lists as defaults."""
    rows = run(
        "SELECT 1 FROM duckdb_tables() WHERE schema_name = ? AND table_name = ? "
        "AND database_name = current_database() AND contains(upper(sql), 'GENERATED')",
        (table.schema, table.name),
    )
    return bool(rows)


def primary_key(run: Run, table: TableName, found: Iterable[Column]) -> tuple[str, ...]:
    """Return the primary key among the found columns, in its order."""
    names = tuple(one.name for one in found if one.is_key)
    if len(names) < 2:
        return names
    return tuple(run(_KEYS, (table.schema, table.name))[0][0])


_HERE = "database_name = current_database()"
_LOSSES = (
    (
        "foreign keys refer to it: {}",
        "SELECT DISTINCT schema_name, referenced_table, table_name FROM duckdb_constraints() "
        f"WHERE {_HERE} AND referenced_table IS NOT NULL",
    ),
    (
        "it has indexes: {}",
        f"SELECT schema_name, table_name, index_name FROM duckdb_indexes() WHERE {_HERE}",
    ),
    (
        "it has constraints: {}",
        "SELECT schema_name, table_name, constraint_text FROM duckdb_constraints() "
        f"WHERE {_HERE} AND constraint_type NOT IN ('NOT NULL', 'PRIMARY KEY')",
    ),
    (
        "columns are generated: {}",
        "SELECT schema_name, table_name, column_name FROM duckdb_columns() "
        f"WHERE {_HERE} AND coalesce(column_default, 'NULL') <> 'NULL'",
    ),
    (
        "it or its columns have comments: {}",
        f"SELECT schema_name, table_name, left(comment, 30) FROM duckdb_tables() WHERE {_HERE} "
        "AND comment IS NOT NULL UNION ALL SELECT schema_name, table_name, left(comment, 30) "
        f"FROM duckdb_columns() WHERE {_HERE} AND comment IS NOT NULL",
    ),
)


def losses(run: Run) -> dict[TableName, str]:
    """Return the first thing that a new table would lack in the place of each that has any."""
    found: dict[TableName, str] = {}
    for reason, sql in _LOSSES:
        names: dict[TableName, list[str]] = {}
        for schema, table, name in run(sql):
            names.setdefault(TableName(schema, table), []).append(str(name))
        for table, some in names.items():
            found.setdefault(table, reason.format(", ".join(sorted(some)[:3])))
    return found
