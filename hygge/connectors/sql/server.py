"""Homes and stores on a database server: the part that all servers share.

A server type implements `Server`, which runs statements, and a home and a store that add their own
catalog queries, reading and writing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar, Generic, TypeVar

from hygge.connector import Finding, Home, Inspection, Store, Target, WriteRequest
from hygge.connectors.sql.chain import Run
from hygge.connectors.sql.open_transactions import OpenTransactionsError
from hygge.connectors.sql.server_config import ServerSettings
from hygge.connectors.sql.store_options import ReplaceMethod
from hygge.connectors.sql.table_names import TableName, matching, nearest, readings
from hygge.connectors.sql.target import SqlTarget
from hygge.errors import HomeError, HyggeError, StoreError
from hygge.values.model import Commit

S = TypeVar("S", bound=ServerSettings)
R = TypeVar("R", bound=Run)
F = TypeVar("F")


class Server(ABC, Generic[S, R]):
    """The server of one home or store, and how statements run on it."""

    unseen: ClassVar[str]
    """Which tables are hidden from some users; part of the hint for a missing table."""

    def __init__(self, settings: S) -> None:
        self.settings = settings

    @abstractmethod
    def connected(self, side: type[HyggeError], what: str) -> AbstractContextManager[R]:
        """Yield a runner of statements on a connection; a slot must be held. Raises `side`."""

    @abstractmethod
    def default_schema(self, run: R) -> str:
        """Return the default schema, or database."""

    @abstractmethod
    def retry_after(self, error: BaseException) -> float | None:
        """Return the seconds after which a retry may help; see `Home.retry_after`."""

    @contextmanager
    def session(self, side: type[HyggeError], what: str, *, slots: int = 1) -> Iterator[R]:
        """Yield the same, with the slots that the task needs."""
        with self.settings.pool().reserve(slots), self.connected(side, what) as run:
            yield run


class ServerHome(Home, Generic[S, R, F]):
    """A home on a database server; `F` describes a found table."""

    def __init__(self, server: Server[S, R]) -> None:
        self.server = server
        self.settings = server.settings

    @abstractmethod
    def findings(self, run: R) -> Iterator[Finding]:
        """Yield the findings of `hygge doctor` on reading."""

    @abstractmethod
    def names(self, run: R) -> Sequence[TableName]:
        """Return every table and view except the server's own and hygge's."""

    @abstractmethod
    def find(self, run: R, name: TableName) -> F | None:
        """Return the table of exactly this name; None when there is none."""

    def session(self, what: str, *, slots: int = 1) -> AbstractContextManager[R]:
        """Yield a runner of statements; see `Server.session`."""
        return self.server.session(HomeError, what, slots=slots)

    def check(self) -> None:
        """Connect and run a query."""
        with self.session("cannot read") as run:
            run("SELECT 1")

    def examine(self) -> Iterator[Finding]:
        """Yield findings on the server and on what this user may read."""
        with self.session("cannot list tables") as run:
            yield from self.findings(run)

    def entities(self, pattern: str = "*") -> list[str]:
        """Return the matching tables and views, without their schema where it is the default."""
        with self.session("cannot list tables") as run:
            return matching(self.names(run), pattern, self.server.default_schema(run))

    def found(self, run: R, entity: str) -> F:
        """Return the table that an entity's name means; raises `HomeError` with a suggestion."""
        default = self.server.default_schema(run)
        for name in readings(entity, default):
            table = self.find(run, name)
            if table is not None:
                return table
        others = [name.shown(default) for name in self.names(run)]
        raise HomeError(
            f"{self.settings.endpoint()} has no table '{entity}'{nearest(entity, others)}",
            hint=f"to list the tables:  hygge discover HOME; {self.server.unseen} are not shown",
            code="HG506",
        )

    def retry_after(self, error: BaseException) -> float | None:
        """Return seconds for lost connections, deadlocks and servers that are starting or full."""
        return 0.0 if isinstance(error, OpenTransactionsError) else self.server.retry_after(error)


class ServerStore(Store, Generic[S, R]):
    """A store on a database server."""

    def __init__(self, server: Server[S, R], replacing: ReplaceMethod) -> None:
        self.server = server
        self.settings = server.settings
        self.replacing: ReplaceMethod = replacing

    @abstractmethod
    def findings(self, run: R) -> Iterator[Finding]:
        """Yield the findings of `hygge doctor` on writing."""

    @abstractmethod
    def newest(self, run: R, place: TableName) -> Commit | None:
        """Return the newest commit of a table; None when there is none."""

    @abstractmethod
    def taken(
        self, run: R, request: WriteRequest, place: TableName
    ) -> AbstractContextManager[Target]:
        """Take a table for one attempt; see `Store.open`."""

    @abstractmethod
    def target(self, run: R, request: WriteRequest, place: TableName) -> SqlTarget:
        """Return the target for a table, without taking it."""

    def place(self, run: R, into: str) -> TableName:
        """Return the table that an entity's name in the store means."""
        return readings(into, self.server.default_schema(run))[0]

    def session(self, what: str, *, slots: int = 1) -> AbstractContextManager[R]:
        """Yield a runner of statements; see `Server.session`."""
        return self.server.session(StoreError, what, slots=slots)

    def check(self) -> None:
        """Connect and run a query."""
        with self.session("cannot write") as run:
            run("SELECT 1")

    def examine(self) -> Iterator[Finding]:
        """Yield findings on the server and on what this user may write."""
        with self.session("cannot list tables") as run:
            yield from self.findings(run)

    def last_commit(self, into: str) -> Commit | None:
        """Return the newest commit of a table; see `Store.last_commit`."""
        with self.session(f"cannot inspect {into}") as run:
            return self.newest(run, self.place(run, into))

    @contextmanager
    def open(self, request: WriteRequest) -> Iterator[Target]:
        """Take the table for one attempt; see `Store.open`."""
        with (
            self.session(f"cannot write {request.into}", slots=2) as run,
            self.taken(run, request, self.place(run, request.into)) as target,
        ):
            yield target

    @contextmanager
    def inspect(self, request: WriteRequest) -> Iterator[Inspection]:
        """Inspect the table; see `Store.inspect`."""
        with self.session(f"cannot inspect {request.into}", slots=2) as run:
            place = self.place(run, request.into)
            target = self.target(run, request, place)
            target.inspect(self.newest(run, place))
            yield target

    def retry_after(self, error: BaseException) -> float | None:
        """Return seconds for lost connections, deadlocks and servers that are starting or full."""
        return self.server.retry_after(error)
