"""The undo tables of a table in a SQLite file."""

from __future__ import annotations

from collections.abc import Sequence

from hygge.connectors.sql.table_names import TableName
from hygge.connectors.sql.undo_tables import UndoTables


class SqliteUndoTables(UndoTables):
    """Undo tables in a SQLite file."""

    def own_tables(self) -> list[str]:
        """Return the names of the undo tables."""
        rows = self.target.run(
            "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND substr(name, 1, ?) = ?",
            (len(self.prefix), self.prefix),
        )
        return [str(name) for (name,) in rows]

    def create(self, table: TableName, names: Sequence[str]) -> None:
        """Create an empty table with columns of the target; AS SELECT would rename some types."""
        target = self.target
        declared = {target.folded(one.field.name): one.type for one in target.live or ()}
        columns = (
            f"{target.quote(name)} {declared.get(target.folded(name), '')}" for name in names
        )
        target.run(f"CREATE TABLE {self.name(table)} ({', '.join(columns)})")

    def name(self, table: TableName) -> str:
        """Return the name of a table in the file itself, quoted."""
        return f"main.{self.target.name(table)}"

    def row(self, names: Sequence[str]) -> str:
        """Return columns as a row value with binary collation."""
        exact = ", ".join(f"{self.target.quote(name)} COLLATE BINARY" for name in names)
        return exact if len(names) == 1 else f"({exact})"

    def rename(self, table: TableName, name: str) -> None:
        """Rename a table; views and foreign keys keep referring to the old name."""
        self.target.run("PRAGMA legacy_alter_table = ON")
        try:
            super().rename(table, name)
        finally:
            self.target.run("PRAGMA legacy_alter_table = OFF")
