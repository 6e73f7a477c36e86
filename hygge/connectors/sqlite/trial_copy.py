"""An empty copy of a SQLite file in memory, on which a change of a table is tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hygge.connectors.sql.table_names import quote
from hygge.connectors.sql.trial_copy import create_all, unusable
from hygge.connectors.sqlite import catalog
from hygge.connectors.sqlite.connections import Rows, connect_to_nothing
from hygge.errors import StoreError

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

_DEFINITIONS = """
SELECT sql FROM main.sqlite_schema
WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
  AND name NOT LIKE '\\_hygge\\_%' ESCAPE '\\'
ORDER BY type <> 'table'
"""


@contextmanager
def copied(run: Run, file: Path, what: str) -> Iterator[Rows]:
    """Yield what runs statements on a copy of all definitions, without rows."""
    with closing(connect_to_nothing()) as connection:
        copy = Rows(connection, StoreError, what, file=file, seconds=0)
        copy("PRAGMA legacy_alter_table=ON")
        create_all(copy, [sql for (sql,) in run(_DEFINITIONS)])
        yield copy


def users(copy: Run) -> list[str]:
    """Return the views, and the tables whose triggers, that cannot be used."""
    views = [table.name for table in catalog.tables(copy) if table.kind == "view"]
    asked = [(f"view {name}", f"SELECT * FROM main.{quote(name)} LIMIT 0") for name in views]
    owners = copy("SELECT DISTINCT tbl_name FROM main.sqlite_schema WHERE type = 'trigger'")
    for (name,) in owners:
        asked += [(f"a trigger of {name}", sql) for sql in _changes(copy, name)]
    return list(dict.fromkeys(unusable(copy, asked)))


def _changes(copy: Run, table: str) -> list[str]:
    """Return statements that fire all triggers of a table; none is run, only understood."""
    place = f"main.{quote(table)}"
    free = [one.name for one in catalog.columns(copy, table) if not one.is_computed]
    sets = ", ".join(f"{quote(name)} = {quote(name)}" for name in free)
    return [
        f"EXPLAIN INSERT INTO {place} DEFAULT VALUES",
        f"EXPLAIN UPDATE {place} SET {sets}",
        f"EXPLAIN DELETE FROM {place}",
    ]
