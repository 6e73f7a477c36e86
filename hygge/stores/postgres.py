"""Tables of a PostgreSQL server, published in one transaction with the commit's own row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from hygge.connector import (
    Finding,
    HomeConfig,
    ProjectContext,
    Store,
    StoreConfig,
    Target,
    WriteRequest,
)
from hygge.errors import StoreError
from hygge.model import Commit, Mode
from hygge.sql import chain
from hygge.sql.names import TableName, quote, readings, refuse_table
from hygge.sql.pg import catalog, types
from hygge.sql.pg.connecting import Rows, control
from hygge.sql.pg.examining import examine_writing
from hygge.sql.pg.faults import is_passing
from hygge.sql.pg.settings import PgSettings
from hygge.sql.pg.writing import PgTarget, refuse_name
from hygge.sql.target import Replacing

if TYPE_CHECKING:
    import pyarrow as pa


class PostgresStoreConfig(PgSettings, StoreConfig, type="postgres"):
    """Writes tables of PostgreSQL by COPY, each published in one short transaction."""

    extra: ClassVar = "postgres"
    modes: ClassVar = frozenset(Mode)
    answers_sql: ClassVar = True
    schemes: ClassVar = ("postgresql", "postgres")

    replace: Replacing = "auto"
    """How a replace meets a table: `swap` puts a new one in its place, `keep` only its rows, so
    that grants, views and indexes stay; `auto` swaps where nothing would be lost."""

    @classmethod
    def held_as(cls, field: pa.Field) -> tuple[pa.Field, str] | None:
        """Return the column that holds `field`; see `StoreConfig.held_as`."""
        return types.held_as(field)

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig:
        """Return the home that reads these tables."""
        from hygge.homes.postgres import PostgresHomeConfig

        return self.read_by(PostgresHomeConfig)

    def refuse_name(self, into: str) -> str | None:
        """Return why no table can be called `into`; see `StoreConfig.refuse_name`."""
        name = readings(into, "")[0].name
        return refuse_table(name) or refuse_name(name)

    def store(self, context: ProjectContext) -> PostgresStore:
        """Return the store; connects to nothing."""
        return PostgresStore(self)

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return the table of entity `name`, as a URL without the user."""
        return self.urls(name)[:1]


class PostgresStore(Store):
    """A PostgreSQL database."""

    def __init__(self, config: PostgresStoreConfig) -> None:
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
            place = self._place(run, into)
            table = f"{quote(place.schema)}.{quote(chain.TABLE)}"
            if run("SELECT to_regclass($1)", (table,))[0][0] is None:
                return None
            return chain.Chain(table, place.name, "$").last(run)

    @contextmanager
    def open(self, request: WriteRequest) -> Iterator[Target]:
        """Take the table for one attempt; see `Store.open`."""
        with self._control(f"cannot write {request.into}", rights=2) as run:
            place = self._place(run, request.into)
            target = PgTarget(self.config, request, run, place=place, replacing=self.config.replace)
            target.take()
            yield target

    def is_transient(self, error: BaseException) -> bool:
        """Return true for lost connections, deadlocks and servers that are starting or full."""
        return is_passing(error)

    def _place(self, run: Rows, into: str) -> TableName:
        return readings(into, self._schema(run))[0]

    def _schema(self, run: Rows) -> str:
        return self.config.schema_ or catalog.default_schema(run)

    @contextmanager
    def _control(self, what: str, *, rights: int = 1) -> Iterator[Rows]:
        config = self.config
        with config.pool().reserve(rights), control(config, StoreError) as connection:
            yield Rows(connection, StoreError, what)
