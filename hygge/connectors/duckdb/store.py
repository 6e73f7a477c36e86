"""The DuckDB store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hygge.connector import Finding, Inspection, ProjectContext, Store, Target, WriteRequest
from hygge.connectors.duckdb import catalog
from hygge.connectors.duckdb.config import DuckdbSettings
from hygge.connectors.duckdb.doctor import examine_file
from hygge.connectors.duckdb.faults import Rows, is_passing
from hygge.connectors.duckdb.instances import in_memory, place
from hygge.connectors.duckdb.target import DuckdbTarget
from hygge.connectors.sql import chain
from hygge.connectors.sql.file_database import check_writable, make_folder
from hygge.connectors.sql.store_options import ReplaceMethod
from hygge.connectors.sql.table_names import TableName, quote, readings
from hygge.errors import StoreError
from hygge.values.model import Commit


class DuckdbStore(Store):
    """A DuckDB file; created when it does not exist."""

    def __init__(
        self, config: DuckdbSettings, context: ProjectContext, replacing: ReplaceMethod
    ) -> None:
        self._config = config
        self._context = context
        self._replacing: ReplaceMethod = replacing
        self.file = config.file(context)

    def check(self) -> None:
        """Open the file for writing, if it exists."""
        if self.file.exists():
            with self._connected(f"cannot write {self.file}") as run:
                run("SELECT 1")

    def examine(self) -> Iterator[Finding]:
        """Yield findings on the file and the library."""
        if not self.file.exists():
            yield Finding(f"there is no file {self.file} yet; the first move creates it")
            return
        with self._connected(f"cannot write {self.file}") as run:
            yield from examine_file(run, self.file)
            yield Finding("not open in another process")

    def last_commit(self, into: str) -> Commit | None:
        """Return the newest commit of a table; see `Store.last_commit`."""
        if not self.file.exists():
            return None
        with self._connected(f"cannot inspect {into}", writes=False) as run:
            name = _place(run, into)
            if not run.listing.has(run, TableName(name.schema, chain.TABLE)):
                return None
            return chain.Chain(f"{quote(name.schema)}.{chain.TABLE}", name.name, "?").last(run)

    @contextmanager
    def inspect(self, request: WriteRequest) -> Iterator[Inspection]:
        """Inspect the table; see `Store.inspect`. A missing file counts as empty."""
        check_writable(self.file)
        last = self.last_commit(request.into)
        with self._looked_at(f"cannot inspect {request.into}") as run:
            target = self._target(request, run, _place(run, request.into))
            target.inspect(last)
            yield target

    def _target(self, request: WriteRequest, run: Rows, name: TableName) -> DuckdbTarget:
        return DuckdbTarget(request, run, file=self.file, place=name, replacing=self._replacing)

    @contextmanager
    def _looked_at(self, what: str) -> Iterator[Rows]:
        if self.file.exists():
            with self._connected(what, writes=False) as run:
                yield run
        else:
            with in_memory() as connection:
                yield Rows(connection, StoreError, what)

    @contextmanager
    def open(self, request: WriteRequest) -> Iterator[Target]:
        """Take the table for one attempt; see `Store.open`."""
        make_folder(self.file)
        with self._connected(f"cannot write {request.into}") as run:
            name = _place(run, request.into)
            with place(self.file, f"{name.schema}.{name.name}", request.run_id):
                target = self._target(request, run, name)
                try:
                    target.take()
                    yield target
                finally:
                    target.drop_staging()

    def retry_after(self, error: BaseException) -> float | None:
        """Return 0.0 where another process had the file."""
        return 0.0 if is_passing(error) else None

    @contextmanager
    def _connected(self, what: str, *, writes: bool = True) -> Iterator[Rows]:
        with self._config.connected(self._context, StoreError, what, writes=writes) as run:
            yield run


def _place(run: Rows, into: str) -> TableName:
    """Return the table that `into` means, spelled as in the file."""
    wanted = readings(into, catalog.DEFAULT_SCHEMA)[0]
    found = run.listing.find(run, wanted)
    return found.name if found else wanted
