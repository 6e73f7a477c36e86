"""The undo tables of a PostgreSQL table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hygge.connectors.postgres.config import LONGEST_NAME
from hygge.connectors.sql.chain import Run
from hygge.connectors.sql.table_names import TableName, quote
from hygge.connectors.sql.undo_tables import UndoTables
from hygge.values.model import Commit


class PostgresUndoTables(UndoTables):
    """Undo tables in PostgreSQL, where constraints have names."""

    sees_changes = True

    def own_tables(self) -> list[str]:
        """Return the names of the undo tables."""
        sql = "SELECT tablename FROM pg_tables WHERE schemaname = $1 AND starts_with(tablename, $2)"
        rows = self.target.run(sql, (self.target.place.schema, self.prefix))
        return [str(name) for (name,) in rows]

    def insert(self, names: Sequence[str]) -> str:
        """Return the INSERT that restores rows, including values of GENERATED ALWAYS columns."""
        return f"{super().insert(names)} OVERRIDING SYSTEM VALUE"

    def changed_rows(self, undone: Commit) -> int:
        """Count the rows whose transaction id is newer than the commit's.

        The commit's row in the chain was written by the transaction of its data. A transaction that
        got its id earlier and wrote to this table later is not detected.
        """
        chain = self.target.chain
        where, values = self.going(undone, 3)
        written = f"FROM {chain.table} WHERE target = $1 AND seq"
        sql = (
            f"SELECT count(*) FROM {self.target.table} "
            f"WHERE age(xmin) < (SELECT age(xmin) {written} = $2) "
            f"AND xmin NOT IN (SELECT xmin {written} > $2) AND {where}"
        )
        return int(self.target.run(sql, (chain.target, undone.seq, *values))[0][0])

    def going(self, undone: Commit, number: int) -> tuple[str, tuple[str, ...]]:
        """Return the condition on the rows that undo deletes; parameters count from `number`."""
        kinds = self.kept(undone)
        if "k" in kinds:
            return self.among(self.name(self.table(undone.seq, "k")), undone.primary_key), ()
        return ("1 = 1", ()) if set(kinds) & {"c", "t"} else self.of_run(undone, number)

    def rename(self, table: TableName, name: str) -> None:
        """Rename a table and its primary key constraint."""
        super().rename(table, name)
        name_key(self.target.run, replace(table, name=name))


def name_key(run: Run, table: TableName) -> None:
    """Rename the primary key of a table to the default name, if that is free."""
    name = f"{table.name}_pkey".encode()[:LONGEST_NAME].decode(errors="ignore")
    schema = quote(table.schema)
    full = f"{schema}.{quote(table.name)}"
    rows = run(
        "SELECT conname FROM pg_constraint WHERE conrelid = to_regclass($1) "
        "AND contype = 'p' AND to_regclass($2) IS NULL",
        (full, f"{schema}.{quote(name)}"),
    )
    for (old,) in rows:
        run(f"ALTER TABLE {full} RENAME CONSTRAINT {quote(old)} TO {quote(name)}")
