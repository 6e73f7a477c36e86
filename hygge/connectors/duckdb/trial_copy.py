"""An empty copy of a DuckDB file in memory, on which a change of a table is tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hygge.connectors.duckdb import catalog
from hygge.connectors.duckdb.faults import Rows
from hygge.connectors.duckdb.instances import in_memory
from hygge.connectors.sql.table_names import quote
from hygge.connectors.sql.trial_copy import create_all, unusable
from hygge.errors import StoreError

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

_HERE = "database_name = current_database() AND NOT internal"
_DEFINITIONS = f"""
SELECT 'CREATE SCHEMA "' || replace(schema_name, '"', '""') || '"' FROM duckdb_schemas()
WHERE {_HERE}
UNION ALL SELECT sql FROM duckdb_sequences() WHERE database_name = current_database()
UNION ALL SELECT 'CREATE MACRO "' || replace(schema_name, '"', '""') || '"."'
  || replace(function_name, '"', '""') || '"(' || array_to_string(parameters, ', ') || ') AS '
  || CASE function_type WHEN 'table_macro' THEN 'TABLE ' ELSE '' END || macro_definition
FROM duckdb_functions() WHERE {_HERE} AND macro_definition IS NOT NULL
UNION ALL SELECT sql FROM duckdb_tables() WHERE {_HERE} AND NOT starts_with(table_name, '_hygge_')
UNION ALL SELECT sql FROM duckdb_indexes() WHERE database_name = current_database()
  AND sql IS NOT NULL
UNION ALL SELECT sql FROM duckdb_views() WHERE {_HERE} AND NOT temporary
"""


@contextmanager
def copied(run: Run, what: str) -> Iterator[Rows]:
    """Yield what runs statements on a copy of all definitions, without rows."""
    with in_memory() as connection:
        copy = Rows(connection, StoreError, what)
        create_all(copy, [sql for (sql,) in run(_DEFINITIONS)])
        yield copy


def users(copy: Run) -> list[str]:
    """Return the views that cannot be used."""
    views = [table.name for table in catalog.tables(copy) if table.kind == "view"]
    names = [(view, f"{quote(view.schema)}.{quote(view.name)}") for view in views]
    asked = [
        (f"view {view.shown(catalog.DEFAULT_SCHEMA)}", f"SELECT * FROM {name} LIMIT 0")
        for view, name in names
    ]
    return unusable(copy, asked)
