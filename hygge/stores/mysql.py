"""Tables of a MySQL or MariaDB server, each published at once with the commit's own record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Literal

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
from hygge.model import Commit
from hygge.sql import chain
from hygge.sql.maria import catalog, types
from hygge.sql.maria.connecting import Rows, session
from hygge.sql.maria.examining import examine_writing
from hygge.sql.maria.faults import is_passing
from hygge.sql.maria.pending import TABLE, Pending
from hygge.sql.maria.settings import MariaSettings
from hygge.sql.maria.writing import MariaTarget, beside, refuse_name
from hygge.sql.names import TableName, readings, refuse_table
from hygge.sql.target import Replacing

if TYPE_CHECKING:
    import pyarrow as pa


class MysqlStoreConfig(MariaSettings, StoreConfig, type="mysql"):
    """Writes InnoDB tables of MySQL and MariaDB, each published by one act of the server."""

    extra: ClassVar = "mysql"
    schemes: ClassVar = ("mysql", "mariadb")

    replace: Replacing = "auto"
    """How a replace meets a table: `swap` puts a new one in its place, `keep` only its rows, so
    that triggers, keys and indexes stay; `auto` swaps where nothing would be lost."""
    bulk: Literal["auto", "insert"] = "auto"
    """How rows get in: by LOAD DATA LOCAL where the server lets it, or always by INSERT, for what
    stands between and does not know LOAD DATA, such as some proxies."""

    @classmethod
    def held_as(cls, field: pa.Field) -> tuple[pa.Field, str] | None:
        """Return the column that holds `field`; see `StoreConfig.held_as`."""
        return types.held_as(field)

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig:
        """Return the home that reads these tables."""
        from hygge.homes.mysql import MysqlHomeConfig

        return self.read_by(MysqlHomeConfig)

    def refuse_name(self, into: str) -> str | None:
        """Return why no table can be called `into`; see `StoreConfig.refuse_name`."""
        name = readings(into, "")[0].name
        return refuse_table(name) or refuse_name(name)

    def store(self, context: ProjectContext) -> MysqlStore:
        """Return the store; connects to nothing."""
        return MysqlStore(self)

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return the table of entity `name`, as a URL without the user."""
        return self.urls(name)[:1]


class MysqlStore(Store):
    """A database of MySQL or MariaDB."""

    def __init__(self, config: MysqlStoreConfig) -> None:
        self.config = config

    def check(self) -> None:
        """Connect and ask something."""
        with self._session("cannot write") as run:
            run("SELECT 1")

    def examine(self) -> Iterator[Finding]:
        """Yield what the server says of itself, and whether this user may make tables."""
        with self._session("cannot look around") as run:
            yield from examine_writing(run, self.config.ssl_mode())

    def last_commit(self, into: str) -> Commit | None:
        """Return the newest commit of a table; see `Store.last_commit`."""
        with self._session(f"cannot look at {into}") as run:
            place = self._place(run, into)
            if catalog.find(run, TableName(place.schema, TABLE)) is None:
                return None
            table = catalog.find(run, place)
            commits = chain.Chain(beside(place, chain.TABLE), place.name, "?")
            pending = Pending(beside(place, TABLE), place.name)
            return pending.newest(run, commits, "" if table is None else table.comment)

    @contextmanager
    def open(self, request: WriteRequest) -> Iterator[Target]:
        """Take the table for one attempt; see `Store.open`."""
        with self._session(f"cannot write {request.into}", rights=2) as run:
            place = self._place(run, request.into)
            target = MariaTarget(
                self.config,
                request,
                run,
                place=place,
                replacing=self.config.replace,
                may_load=self.config.bulk == "auto",
            )
            try:
                target.take()
                yield target
            finally:
                target.leave()

    def is_transient(self, error: BaseException) -> bool:
        """Return true for lost connections, deadlocks and servers that are starting or full."""
        return is_passing(error)

    def _place(self, run: Rows, into: str) -> TableName:
        place = readings(into, self.config.endpoint().database or "")[0]
        if run("SELECT @@lower_case_table_names")[0][0] == 0:
            return place
        return TableName(place.schema.lower(), place.name.lower())

    @contextmanager
    def _session(self, what: str, *, rights: int = 1) -> Iterator[Rows]:
        config = self.config
        with config.pool().reserve(rights), session(config, StoreError) as connection:
            yield Rows(connection, StoreError, what)
