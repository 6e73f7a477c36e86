"""What a DuckDB file tells of its tables: names, columns, keys, what else they have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.connectors.sql.table_names import TableName

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
SELECT column_name, data_type, is_nullable, coalesce(column_default, '') FROM duckdb_columns()
WHERE database_name = current_database() AND schema_name = ? AND table_name = ?
ORDER BY column_index
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
    """About how many rows; None for a view."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    type: str
    nullable: bool
    default: str
    """The expression that fills it, also of a generated column; empty where there is none."""


def tables(run: Run) -> list[Table]:
    """Return every table and view that is not DuckDB's own or hygge's."""
    return [
        Table(TableName(schema, name), kind, rows)
        for schema, name, kind, rows in run(_TABLES)
        if not name.startswith("_hygge_")
    ]


def find(found: Iterable[Table], name: TableName) -> Table | None:
    """Return the table of a name: as it is written, or in other letters, as DuckDB takes it."""
    wanted = (name.schema.lower(), name.name.lower())
    alike = [t for t in found if (t.name.schema.lower(), t.name.name.lower()) == wanted]
    return next((table for table in alike if table.name == name), alike[0] if alike else None)


def columns(run: Run, table: TableName) -> list[Column]:
    """Return the columns of a table or view, in their order."""
    return [Column(*row) for row in run(_COLUMNS, (table.schema, table.name))]


def computes(run: Run, table: TableName) -> bool:
    """Return whether a table may have generated columns, which DuckDB lists as defaults."""
    rows = run(
        "SELECT 1 FROM duckdb_tables() WHERE schema_name = ? AND table_name = ? "
        "AND database_name = current_database() AND contains(upper(sql), 'GENERATED')",
        (table.schema, table.name),
    )
    return bool(rows)


def primary_key(run: Run, table: TableName) -> tuple[str, ...]:
    """Return the columns of the primary key in its order; none for most tables."""
    rows = run(_KEYS, (table.schema, table.name))
    return tuple(rows[0][0]) if rows else ()


_LOSSES = (
    (
        "foreign keys refer to it: {}",
        "SELECT DISTINCT table_name FROM duckdb_constraints() WHERE schema_name = ? "
        "AND referenced_table = ? AND database_name = current_database()",
    ),
    (
        "it has indexes: {}",
        "SELECT index_name FROM duckdb_indexes() WHERE schema_name = ? AND table_name = ? "
        "AND database_name = current_database()",
    ),
    (
        "it has constraints: {}",
        "SELECT constraint_text FROM duckdb_constraints() WHERE schema_name = ? "
        "AND table_name = ? AND database_name = current_database() "
        "AND constraint_type NOT IN ('NOT NULL', 'PRIMARY KEY')",
    ),
    (
        "columns fill themselves: {}",
        "SELECT column_name FROM duckdb_columns() WHERE schema_name = ? AND table_name = ? "
        "AND database_name = current_database() AND coalesce(column_default, 'NULL') <> 'NULL'",
    ),
    (
        "it or its columns have comments: {}",
        "SELECT left(c, 30) FROM (SELECT database_name AS d, schema_name, table_name, comment AS c "
        "FROM duckdb_tables() UNION ALL SELECT database_name, schema_name, table_name, comment "
        "FROM duckdb_columns()) WHERE schema_name = ? AND table_name = ? "
        "AND d = current_database() AND c IS NOT NULL",
    ),
)


def reason_to_keep(run: Run, table: TableName) -> str | None:
    """Return the first thing that a new table in its place would lack; None when nothing."""
    for reason, sql in _LOSSES:
        names = [str(name) for (name,) in run(sql, (table.schema, table.name))]
        if names:
            return reason.format(", ".join(sorted(names)[:3]))
    return None
