"""The undo tables of a SQL Server table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hygge.connectors.mssql import catalog, comparison
from hygge.connectors.mssql.catalog import bracketed
from hygge.connectors.sql.table_names import TableName
from hygge.connectors.sql.undo_tables import UndoTables
from hygge.values.model import Commit

if TYPE_CHECKING:
    from hygge.connectors.mssql.target import MssqlTarget


class MssqlUndoTables(UndoTables):
    """Undo tables in SQL Server."""

    target: MssqlTarget
    updates = False

    def own_tables(self) -> list[str]:
        """Return the names of the undo tables."""
        values = (self.target.place.schema, len(self.prefix), self.prefix)
        return [str(name) for (name,) in self.target.run(catalog.BESIDE, values)]

    def rename(self, table: TableName, name: str) -> None:
        """Rename a table in its schema."""
        self.target.run(catalog.RENAME, (self.name(table), name))

    def create(self, table: TableName, names: Sequence[str]) -> None:
        """Create an empty table with columns of the target; a UNION drops the IDENTITY property.

        A column that this commit widens has its new type.
        """
        columns = ", ".join(map(self._widened, names))
        nothing = f"FROM {self.target.table} WHERE 1 = 0"
        self.target.run(
            f"SELECT {columns} INTO {self.name(table)} {nothing} "
            f"UNION ALL SELECT {columns} {nothing}"
        )

    def _widened(self, name: str) -> str:
        staged, column = self.target.staged, bracketed(name)
        if staged is None or name not in staged.names:
            return column
        field = staged.field(name)
        if self.target.held(field) is not None:
            return column
        return f"CAST({column} AS {self.target.sql_type(field)}) AS {column}"

    def among(self, table: str, keys: Sequence[str]) -> str:
        """Return the condition that the key of a row of the table, `t`, is in another table."""
        assert self.target.staged is not None
        on = " AND ".join(self.target.same(self.target.staged.field(key)) for key in keys)
        return f"EXISTS (SELECT 1 FROM {table} AS s WHERE {on})"

    def delete_rows(self, kept: TableName, keys: Sequence[str]) -> None:
        """Delete the rows whose keys are kept."""
        live = self.target.live or ()
        bases = {one.field.name: one.type.partition("(")[0] for one in live}
        on = " AND ".join(comparison.alike(bracketed(key), bases.get(key, "")) for key in keys)
        there = f"EXISTS (SELECT 1 FROM {self.name(kept)} AS s WHERE {on})"
        self.target.run(self.target.deleting(there))

    def change_rows(self, undone: Commit, commit: Commit, kinds: str) -> None:
        """Delete the rows that the commit added, and insert those that it removed."""
        with self.target.own_numbers(self.columns_back(undone, commit)):
            super().change_rows(undone, commit, kinds)
