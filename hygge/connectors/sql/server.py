"""Homes and stores on a database server: what is alike whatever the server.

A kind of server brings a `Server`, which says how to ask it, and a home and a store that add what
is their own: how they look around, what they find, how they read and write.
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
    """A server, as the settings of one home or store say where it is, and how it is asked."""

    unseen: ClassVar[str]
    """Which tables it lists to nobody, or not to everybody; for the hint of one that is missing."""

    def __init__(self, settings: S) -> None:
        self.settings = settings

    @abstractmethod
    def connected(self, side: type[HyggeError], what: str) -> AbstractContextManager[R]:
        """Yield what runs statements on a connection; a right to it must be held. Raises `side`."""

    @abstractmethod
    def default_schema(self, run: R) -> str:
        """Return the schema, or database, of tables whose name has none."""

    @abstractmethod
    def retry_after(self, error: BaseException) -> float | None:
        """Return after how many seconds trying again may help; see `Home.retry_after`."""

    @contextmanager
    def asked(self, side: type[HyggeError], what: str, *, rights: int = 1) -> Iterator[R]:
        """Yield the same with the right to it, and to more connections that the task may need."""
        with self.settings.pool().reserve(rights), self.connected(side, what) as run:
            yield run


class ServerHome(Home, Generic[S, R, F]):
    """A database on a server, in which a table is found as `F`."""

    def __init__(self, server: Server[S, R]) -> None:
        self.server = server
        self.settings = server.settings

    @abstractmethod
    def findings(self, run: R) -> Iterator[Finding]:
        """Yield what a person should know of how well it can be read."""

    @abstractmethod
    def names(self, run: R) -> Sequence[TableName]:
        """Return every table and view that is not the server's own or hygge's."""

    @abstractmethod
    def find(self, run: R, name: TableName) -> F | None:
        """Return what is read by this very name; None when there is nothing."""

    def asked(self, what: str, *, rights: int = 1) -> AbstractContextManager[R]:
        """Yield what runs statements; see `Server.asked`."""
        return self.server.asked(HomeError, what, rights=rights)

    def check(self) -> None:
        """Connect and ask something."""
        with self.asked("cannot read") as run:
            run("SELECT 1")

    def examine(self) -> Iterator[Finding]:
        """Yield what the server says of itself, and of what this user may read."""
        with self.asked("cannot look around") as run:
            yield from self.findings(run)

    def entities(self, pattern: str = "*") -> list[str]:
        """Return the tables and views that match, without their schema where it is the default."""
        with self.asked("cannot list tables") as run:
            return matching(self.names(run), pattern, self.server.default_schema(run))

    def found(self, run: R, entity: str) -> F:
        """Return the table that an entity's name means; raises `HomeError` with the nearest."""
        default = self.server.default_schema(run)
        for name in readings(entity, default):
            table = self.find(run, name)
            if table is not None:
                return table
        others = [name.shown(default) for name in self.names(run)]
        raise HomeError(
            f"{self.settings.endpoint()} has no table '{entity}'{nearest(entity, others)}",
            hint=f"list what is there with  hygge discover HOME; {self.server.unseen} are not seen",
            code="HG506",
        )

    def retry_after(self, error: BaseException) -> float | None:
        """Return seconds for lost connections, deadlocks and servers that are starting or full."""
        return 0.0 if isinstance(error, OpenTransactionsError) else self.server.retry_after(error)


class ServerStore(Store, Generic[S, R]):
    """A database on a server."""

    def __init__(self, server: Server[S, R], replacing: ReplaceMethod) -> None:
        self.server = server
        self.settings = server.settings
        self.replacing: ReplaceMethod = replacing

    @abstractmethod
    def findings(self, run: R) -> Iterator[Finding]:
        """Yield what a person should know of how well it can be written."""

    @abstractmethod
    def newest(self, run: R, place: TableName) -> Commit | None:
        """Return the newest commit of a table; None when nothing was published there."""

    @abstractmethod
    def taken(
        self, run: R, request: WriteRequest, place: TableName
    ) -> AbstractContextManager[Target]:
        """Take a table for one attempt; see `Store.open`."""

    @abstractmethod
    def target(self, run: R, request: WriteRequest, place: TableName) -> SqlTarget:
        """Return the target for a table, which nobody has taken yet."""

    def place(self, run: R, into: str) -> TableName:
        """Return the table that an entity's name in the store means."""
        return readings(into, self.server.default_schema(run))[0]

    def asked(self, what: str, *, rights: int = 1) -> AbstractContextManager[R]:
        """Yield what runs statements; see `Server.asked`."""
        return self.server.asked(StoreError, what, rights=rights)

    def check(self) -> None:
        """Connect and ask something."""
        with self.asked("cannot write") as run:
            run("SELECT 1")

    def examine(self) -> Iterator[Finding]:
        """Yield what the server says of itself, and of what this user may write."""
        with self.asked("cannot look around") as run:
            yield from self.findings(run)

    def last_commit(self, into: str) -> Commit | None:
        """Return the newest commit of a table; see `Store.last_commit`."""
        with self.asked(f"cannot look at {into}") as run:
            return self.newest(run, self.place(run, into))

    @contextmanager
    def open(self, request: WriteRequest) -> Iterator[Target]:
        """Take the table for one attempt; see `Store.open`."""
        with (
            self.asked(f"cannot write {request.into}", rights=2) as run,
            self.taken(run, request, self.place(run, request.into)) as target,
        ):
            yield target

    @contextmanager
    def inspect(self, request: WriteRequest) -> Iterator[Inspection]:
        """Show the table as it is; see `Store.inspect`."""
        with self.asked(f"cannot look at {request.into}", rights=2) as run:
            place = self.place(run, request.into)
            target = self.target(run, request, place)
            target.inspect(self.newest(run, place))
            yield target

    def retry_after(self, error: BaseException) -> float | None:
        """Return seconds for lost connections, deadlocks and servers that are starting or full."""
        return self.server.retry_after(error)
