"""The tables of one open file, listed once for all moves: each list takes time for every table.

As long as this process has a file open, no other can change it. What a move itself changes are
the tables of its own place, so a place is listed anew only when it is taken a second time.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hygge.connectors.duckdb import catalog
from hygge.connectors.sql.table_names import TableName

if TYPE_CHECKING:
    from hygge.connectors.duckdb.catalog import Table
    from hygge.connectors.sql.chain import Run


class Listing:
    """What a file's catalog says of all its tables."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[TableName] = set()
        self._forget()

    def _forget(self) -> None:
        self._tables: dict[tuple[str, str], list[Table]] | None = None
        self._names: dict[str, set[str]] = {}
        self._losses: dict[TableName, str] | None = None

    def _listed(self, run: Run) -> dict[tuple[str, str], list[Table]]:
        if self._tables is None:
            self._tables, self._names = {}, {}
            for table in catalog.tables(run, own=True):
                self._names.setdefault(table.name.schema, set()).add(table.name.name)
                if not table.is_own:
                    self._tables.setdefault(_folded(table.name), []).append(table)
        return self._tables

    def find(self, run: Run, *names: TableName) -> Table | None:
        """Return the first table that one of the names means, in whatever letters it has them."""
        with self._lock:
            for name in names:
                alike = self._listed(run).get(_folded(name), [])
                if alike:
                    return next((table for table in alike if table.name == name), alike[0])
        return None

    def find_anew(self, run: Run, *names: TableName) -> Table | None:
        """Return the same of what is there now: another move may have made it."""
        with self._lock:
            self._tables = None
        return self.find(run, *names)

    def begin(self, run: Run, place: TableName) -> set[str]:
        """Return the names of all tables in the schema of a place that is taken now."""
        with self._lock:
            if place in self._taken:
                self._forget()
            self._taken.add(place)
            self._listed(run)
            return set(self._names.get(place.schema, ()))

    def add(self, name: TableName) -> None:
        """Note a table that was made for all places."""
        with self._lock:
            self._names.setdefault(name.schema, set()).add(name.name)

    def has(self, run: Run, name: TableName) -> bool:
        """Return whether there is a table of this very name, be it one of hygge's own."""
        with self._lock:
            self._listed(run)
            return name.name in self._names.get(name.schema, ())

    def reason_to_keep(self, run: Run, name: TableName) -> str | None:
        """Return the first thing that a new table in its place would lack; None when nothing."""
        with self._lock:
            if self._losses is None:
                self._losses = catalog.losses(run)
            return self._losses.get(name)


def _folded(name: TableName) -> tuple[str, str]:
    return name.schema.lower(), name.name.lower()
