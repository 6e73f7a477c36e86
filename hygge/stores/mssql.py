"""Tables of SQL Server, published in one transaction with the commit's own row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from hygge.connector import (
    Finding,
    HomeConfig,
    Mode,
    ProjectContext,
    Store,
    StoreConfig,
    Target,
    WriteRequest,
)
from hygge.errors import StoreError
from hygge.model import Commit
from hygge.sql.names import TableName, readings, refuse_table
from hygge.sql.target import Replacing
from hygge.sql.tds import catalog, types
from hygge.sql.tds.connecting import Rows, control
from hygge.sql.tds.examining import examine_writing
from hygge.sql.tds.faults import is_passing
from hygge.sql.tds.settings import TdsSettings
from hygge.sql.tds.writing import TdsTarget, chain_of, refuse_name

if TYPE_CHECKING:
    import pyarrow as pa


class MssqlStoreConfig(TdsSettings, StoreConfig, type="mssql"):
    """Not yet tested against a server: writes tables of SQL Server by bulk copy.

    It was built without one: its SQL is checked by a grammar, its types case by case, and what it
    calls of the driver is there. Try it on a copy before you rely on it.

    Each table is published in one short transaction. Readers wait for it, unless the database has
    `READ_COMMITTED_SNAPSHOT` on; other writers do, but not for an append. NaN, infinity and times
    finer than 100 nanoseconds are refused, and what a column of the table would cut or round.
    A merge tells keys apart sign by sign, whatever the collation. In tables that hygge makes a key
    of text has no index: for large merges make the table first, with `nvarchar(n)`. What a check by
    SQL changes is taken back.
    `idle_timeout` has no effect: connections end with their move.
    """

    extra: ClassVar = "mssql"
    schemes: ClassVar = ("mssql", "sqlserver")
    modes: ClassVar = frozenset(Mode)

    replace: Replacing = "auto"
    """How a replace meets a table: `swap` puts a new one in its place, `keep` only its rows, so
    that grants, views and indexes stay; `auto` swaps where nothing would be lost."""

    @classmethod
    def held_as(cls, field: pa.Field) -> tuple[pa.Field, str] | None:
        """Return the column that holds `field`; see `StoreConfig.held_as`."""
        return types.held_as(field)

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig:
        """Return the home that reads these tables."""
        from hygge.homes.mssql import MssqlHomeConfig

        return self.read_by(MssqlHomeConfig)

    def refuse_name(self, into: str) -> str | None:
        """Return why no table can be called `into`; see `StoreConfig.refuse_name`."""
        name = readings(into, "")[0].name
        return refuse_table(name) or refuse_name(name)

    def store(self, context: ProjectContext) -> MssqlStore:
        """Return the store; connects to nothing."""
        return MssqlStore(self)

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return the table of entity `name`, as a URL without the user."""
        return self.urls(name)[:1]


class MssqlStore(Store):
    """A database of SQL Server."""

    def __init__(self, config: MssqlStoreConfig) -> None:
        self.config = config

    def check(self) -> None:
        """Connect and ask something."""
        with self._control("cannot write") as run:
            run("SELECT 1")

    def examine(self) -> Iterator[Finding]:
        """Yield what the server says of itself, and whether this user may make tables."""
        with self._control("cannot look around") as run:
            yield from examine_writing(run, self._schema(run))

    def last_commit(self, into: str) -> Commit | None:
        """Return the newest commit of a table; see `Store.last_commit`."""
        with self._control(f"cannot look at {into}") as run:
            chain = chain_of(self._place(run, into))
            if run("SELECT OBJECT_ID(?)", (chain.table,))[0][0] is None:
                return None
            return chain.last(run)

    @contextmanager
    def open(self, request: WriteRequest) -> Iterator[Target]:
        """Take the table for one attempt; see `Store.open`."""
        with self._control(f"cannot write {request.into}", rights=2) as run:
            place = self._place(run, request.into)
            target = TdsTarget(
                self.config, request, run, place=place, replacing=self.config.replace
            )
            target.take()
            yield target

    def is_transient(self, error: BaseException) -> bool:
        """Return true for lost connections, deadlocks and servers that are starting or full."""
        return is_passing(error)

    def _place(self, run: Rows, into: str) -> TableName:
        return catalog.actual(run, readings(into, self._schema(run))[0])

    def _schema(self, run: Rows) -> str:
        return self.config.schema_ or str(run(catalog.SCHEMA)[0][0])

    @contextmanager
    def _control(self, what: str, *, rights: int = 1) -> Iterator[Rows]:
        config = self.config
        with config.pool().reserve(rights), control(config, StoreError, what) as run:
            yield run
