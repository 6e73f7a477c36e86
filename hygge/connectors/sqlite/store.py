"""The SQLite store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from hygge.connector import Finding, Inspection, ProjectContext, Store, Target, WriteRequest
from hygge.connectors.sql import chain
from hygge.connectors.sql.file_database import (
    FileSettings,
    check_writable,
    make_folder,
    place_lock,
    refuse_written,
)
from hygge.connectors.sql.store_options import ReplaceMethod
from hygge.connectors.sql.table_names import quote
from hygge.connectors.sqlite import catalog
from hygge.connectors.sqlite.connections import Access, Rows, connect, connect_to_nothing
from hygge.connectors.sqlite.doctor import examine_writing
from hygge.connectors.sqlite.faults import is_passing
from hygge.connectors.sqlite.target import SqliteTarget
from hygge.errors import StoreError
from hygge.values.model import Commit


class SqliteStore(Store):
    """A SQLite file; created when it does not exist."""

    def __init__(
        self, config: FileSettings, context: ProjectContext, replacing: ReplaceMethod
    ) -> None:
        self.file = config.file(context)
        self._seconds = config.busy_timeout
        self._replacing: ReplaceMethod = replacing

    def check(self) -> None:
        """Open the file, if it exists, and check that it is writable."""
        if self.file.exists():
            with self._connected("rw", f"cannot write {self.file}") as run:
                run("BEGIN IMMEDIATE")
                run("ROLLBACK")

    def examine(self) -> Iterator[Finding]:
        """Yield findings on the file and on whether it can be written."""
        if not self.file.exists():
            yield Finding(f"there is no file {self.file} yet; the first move creates it")
            return
        with self._connected("rw", f"cannot write {self.file}") as run:
            yield from examine_writing(run, self.file)

    def last_commit(self, into: str) -> Commit | None:
        """Return the newest commit of a table; see `Store.last_commit`."""
        if not self.file.exists():
            return None
        with self._connected("ro", f"cannot inspect {into}") as run:
            if not run("SELECT 1 FROM sqlite_schema WHERE name = ?", (chain.TABLE,)):
                return None
            return chain.Chain(quote(chain.TABLE), _place(run, into), "?").last(run)

    @contextmanager
    def inspect(self, request: WriteRequest) -> Iterator[Inspection]:
        """Inspect the table; see `Store.inspect`. A missing file counts as empty."""
        check_writable(self.file)
        last = self.last_commit(request.into)
        with self._looked_at(f"cannot inspect {request.into}") as run:
            place = _place(run, request.into)
            refuse_written(self.file, place)
            target = self._target(request, run, place)
            target.inspect(last)
            yield target

    def _target(self, request: WriteRequest, run: Rows, place: str) -> SqliteTarget:
        return SqliteTarget(request, run, file=self.file, place=place, replacing=self._replacing)

    @contextmanager
    def _looked_at(self, what: str) -> Iterator[Rows]:
        if self.file.exists():
            with self._connected("ro", what) as run:
                yield run
        else:
            with closing(connect_to_nothing()) as connection:
                yield Rows(connection, StoreError, what, file=self.file, seconds=self._seconds)

    @contextmanager
    def open(self, request: WriteRequest) -> Iterator[Target]:
        """Take the table for one attempt; see `Store.open`."""
        make_folder(self.file)
        with self._connected("rwc", f"cannot write {request.into}") as run:
            place = _place(run, request.into)
            with place_lock(self.file, place, request.run_id):
                target = self._target(request, run, place)
                try:
                    target.take()
                    yield target
                finally:
                    target.drop_staging()

    def retry_after(self, error: BaseException) -> float | None:
        """Return 0.0 where another program had the file locked."""
        return 0.0 if is_passing(error) else None

    @contextmanager
    def _connected(self, access: Access, what: str) -> Iterator[Rows]:
        connection = connect(self.file, access, StoreError, self._seconds)
        with closing(connection):
            yield Rows(connection, StoreError, what, file=self.file, seconds=self._seconds)


def _place(run: Rows, into: str) -> str:
    """Return the name of the table that `into` means, spelled as in the file."""
    tables = catalog.tables(run)
    found = catalog.find(tables, into)
    return found.name if found else into
