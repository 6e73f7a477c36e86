"""What a commit into a table of a DuckDB file keeps for undo."""

from __future__ import annotations

from collections.abc import Sequence

from hygge.connectors.sql.undo_tables import UndoTables


class DuckdbUndoTables(UndoTables):
    """Tables of a DuckDB file."""

    def own_tables(self) -> list[str]:
        """Return the names of the tables that are kept."""
        rows = self.target.run(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = ? "
            "AND database_name = current_database() AND starts_with(table_name, ?)",
            (self.target.place.schema, self.prefix),
        )
        return [str(name) for (name,) in rows]

    def row(self, names: Sequence[str]) -> str:
        """Return columns as one value: DuckDB compares several as a struct."""
        return self.listed(names) if len(names) == 1 else f"row({self.listed(names)})"

    def chosen(self, names: Sequence[str]) -> str:
        """Return columns as a subquery of IN selects them: as one struct, too."""
        return self.row(names)
