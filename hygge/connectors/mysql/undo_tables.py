"""The undo tables of a MySQL or MariaDB table.

They are created before the commit's transaction and dropped after it, because DDL would end the
transaction. Their rows are written in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hygge.connectors.mysql.column_changes import ColumnChanges
from hygge.connectors.mysql.staging import SPLIT
from hygge.connectors.sql.table_names import TableName
from hygge.connectors.sql.undo_tables import UndoTables
from hygge.values.model import Commit

if TYPE_CHECKING:
    from hygge.connectors.mysql.target import MysqlTarget


class MysqlUndoTables(UndoTables):
    """Undo tables in MySQL and MariaDB."""

    target: MysqlTarget

    def own_tables(self) -> list[str]:
        """Return the names of the undo tables."""
        rows = self.target.run(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = ? "
            "AND LEFT(table_name, ?) = ?",
            (self.target.place.schema, len(self.prefix), self.prefix),
        )
        return [str(name) for (name,) in rows]

    def create(self, table: TableName, names: Sequence[str]) -> None:
        """Create an empty InnoDB table with columns of the target."""
        self.target.run(
            f"CREATE TABLE {self.name(table)} ENGINE=InnoDB AS SELECT {self.column_list(names)} "
            f"FROM {self.target.table} WHERE 1 = 0"
        )

    def rename(self, table: TableName, name: str) -> None:
        """Rename a table in its database."""
        new = TableName(table.schema, name)
        self.target.run(f"RENAME TABLE {self.name(table)} TO {self.name(new)}")

    def fill(self, commit: Commit, kind: str) -> None:
        """Copy keys or rows; those that a merge changes are joined by the key's indexes."""
        if kind != "r" or self.cleared is not None:
            super().fill(commit, kind)
            return
        target, keys = self.target, commit.primary_key
        (staged,) = target.staged_tables()
        on = " AND ".join(target.equal(name, "s") for name in keys)
        both = f"JOIN {staged} AS s ON {on}"
        if target.request.delete_missing is not None:
            come = f"s.{target.quote(SPLIT)} IS NOT NULL"
            both = f"LEFT {both} WHERE {self.going_away()} OR {come}"
        names = self._kept_columns()
        columns = ", ".join(f"t.{target.quote(name)}" for name in names)
        target.run(
            f"INSERT INTO {self.name(self.table(commit.seq, kind))} ({self.column_list(names)}) "
            f"SELECT {columns} FROM {target.table} AS t {both}"
        )

    def delete_rows(self, kept: TableName, keys: Sequence[str]) -> None:
        """Delete the rows whose keys are kept, by a join: DELETE … IN uses no index here."""
        on = " AND ".join(self.target.equal(name, "k") for name in keys)
        self.target.run(
            f"DELETE t FROM {self.target.table} AS t JOIN {self.name(kept)} AS k ON {on}"
        )

    def keep_known(self, new: TableName, kept: str, keys: Sequence[str]) -> None:
        """Leave in a table of keys those of which no row is kept; joined, as in `delete_rows`."""
        on = " AND ".join(self.target.equal(name, "k") for name in keys)
        self.target.run(f"DELETE t FROM {self.name(new)} AS t JOIN {kept} AS k ON {on}")

    def undo_rows(self, undone: Commit, commit: Commit, kinds: str) -> None:
        """Restore rows in one transaction; columns are added before it and dropped after it.

        A column that was widened since stays wide.
        """
        target = self.target
        for kind in set(kinds) & {"k", "r"} if undone.primary_key else ():
            target.index(self.table(undone.seq, kind), undone.primary_key)
        columns, gone = ColumnChanges(target.table, target.live or []), []
        if kinds == "c":
            gone = columns.gone(commit.schema, target.wrote)
            lost = columns.lost(commit.schema)
            target.alter(columns.before(target.run, lost, gone, required=target.required))
        with target.transaction():
            target.chain.check_next(target.run, commit.seq)
            if kinds == "c":
                target.run(f"DELETE FROM {target.table}")
            self.change_rows(undone, commit, kinds)
            self.check_rows(commit)
            target.chain.add(target.run, self.recorded(commit, kinds), target.request.attempt)
        target.alter([f"DROP COLUMN {target.quote(name)}" for name in gone])
        for kind in kinds:
            self.drop(undone.seq, kind)
