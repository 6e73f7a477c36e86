"""The undo tables of a table in a DuckDB file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hygge.connectors.sql.table_names import TableName
from hygge.connectors.sql.undo_tables import UndoTables

if TYPE_CHECKING:
    from hygge.connectors.sql.merging import MergingTarget


class DuckdbUndoTables(UndoTables):
    """Undo tables in a DuckDB file."""

    def __init__(self, target: MergingTarget) -> None:
        super().__init__(target)
        self._own: set[str] | None = None

    def own_tables(self) -> list[str]:
        """Return the names of the tables that are kept; only this target changes them."""
        if self._own is None:
            rows = self.target.run(
                "SELECT table_name FROM duckdb_tables() WHERE schema_name = ? "
                "AND database_name = current_database() AND starts_with(table_name, ?)",
                (self.target.place.schema, self.prefix),
            )
            self._own = {str(name) for (name,) in rows}
        return sorted(self._own)

    def know(self, names: Iterable[str]) -> None:
        """Learn the names of all tables beside the place."""
        self._own = {name for name in names if name.startswith(self.prefix)}

    def create(self, table: TableName, names: Sequence[str]) -> None:
        """Make an empty table; see `UndoTables.create`."""
        super().create(table, names)
        self.know({*self.own_tables(), table.name})

    def rename(self, table: TableName, name: str) -> None:
        """Give a table another name."""
        super().rename(table, name)
        self.know({*self.own_tables(), name} - {table.name})

    def drop(self, seq: int, kind: str) -> None:
        """Drop what is kept."""
        super().drop(seq, kind)
        self.know({*self.own_tables()} - {self.table(seq, kind).name})

    def row(self, names: Sequence[str]) -> str:
        """Return columns as one value; DuckDB compares several as a struct."""
        return self.column_list(names) if len(names) == 1 else f"row({self.column_list(names)})"

    def chosen(self, names: Sequence[str]) -> str:
        """Return columns as a subquery of IN selects them, also as a struct."""
        return self.row(names)
