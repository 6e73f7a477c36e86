"""Tables, views and queries of SQL Server, read as of one instant where the database allows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from hygge.connector import (
    Ability,
    Finding,
    Home,
    HomeConfig,
    ProjectContext,
    ReadRequest,
    Source,
)
from hygge.errors import HomeError
from hygge.sql.names import TableName, matching, nearest, readings
from hygge.sql.tds import catalog, types
from hygge.sql.tds.connecting import Rows, control
from hygge.sql.tds.examining import examine_server
from hygge.sql.tds.faults import is_passing
from hygge.sql.tds.settings import TdsSettings
from hygge.sql.tds.source import TdsSource

if TYPE_CHECKING:
    import pyarrow as pa


class MssqlHomeConfig(TdsSettings, HomeConfig, type="mssql"):
    """Not yet tested against a server: reads tables, views and queries of SQL Server.

    It was built without one: its SQL is checked by a grammar, its types case by case, and what it
    calls of the driver is there. Try it on a copy before you rely on it.

    Where the database has `ALLOW_SNAPSHOT_ISOLATION` on, an entity is read as of one instant; else
    under READ COMMITTED, and rows that others change meanwhile may be met twice or not at all.
    Sessions cannot share a snapshot, so an entity is read as one split. Times with a seventh digit
    of a second are refused, because the driver cuts it; `geography`, `geometry` and `sql_variant`
    are read as text where the flow says `type: string`. `idle_timeout` has no effect: connections
    end with their move.
    """

    can: ClassVar = frozenset({Ability.QUERY, Ability.WHERE})
    extra: ClassVar = "mssql"
    schemes: ClassVar = ("mssql", "sqlserver")

    @classmethod
    def type_samples(cls) -> Mapping[str, pa.Field]:
        """Return how columns of SQL Server's types are read."""
        return {name: types.sample(name) for name in types.SAMPLES}

    def home(self, context: ProjectContext) -> MssqlHome:
        """Return the home; connects to nothing."""
        return MssqlHome(self)

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return the tables that entity `name` may be, as URLs without the user."""
        return self.urls(name)


class MssqlHome(Home):
    """A database of SQL Server."""

    def __init__(self, config: MssqlHomeConfig) -> None:
        self.config = config

    def check(self) -> None:
        """Connect and ask something."""
        with self._control("cannot read") as run:
            run("SELECT 1")

    def examine(self) -> Iterator[Finding]:
        """Yield what the server says of itself, and whether it can be read as of one instant."""
        with self._control("cannot look around") as run:
            yield from examine_server(run)
            if _is_versioned(run):
                yield Finding("entities are read as of one instant")
                return
            yield Finding(
                "the database allows no snapshots: rows that change while they are read may be met "
                "twice or not at all",
                "warning",
                "ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON",
            )

    def entities(self, pattern: str = "*") -> list[str]:
        """Return the tables and views that match, without their schema where it is the default."""
        with self._control("cannot list tables") as run:
            return matching(catalog.tables(run), pattern, self._schema(run))

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Source]:
        """Find the table, and what its columns are."""
        with self._control(f"cannot read {request.entity}", rights=2) as run:
            source = TdsSource(self.config, request, run, is_versioned=_is_versioned(run))
            if request.query is not None:
                yield source.over_query(request.query)
            else:
                yield source.over_table(self._find(run, request.entity))

    def is_transient(self, error: BaseException) -> bool:
        """Return true for lost connections, deadlocks and servers that are starting or full."""
        return is_passing(error)

    def _find(self, run: Rows, entity: str) -> TableName:
        default = self._schema(run)
        for name in readings(entity, default):
            if catalog.kind(run, name) in ("table", "view"):
                return name
        others = [name.shown(default) for name in catalog.tables(run)]
        raise HomeError(
            f"{self.config.endpoint()} has no table '{entity}'{nearest(entity, others)}",
            hint="list what is there with  hygge discover; tables that this user may not use are "
            "not seen",
            code="HG506",
        )

    def _schema(self, run: Rows) -> str:
        return self.config.schema_ or str(run(catalog.SCHEMA)[0][0])

    @contextmanager
    def _control(self, what: str, *, rights: int = 1) -> Iterator[Rows]:
        config = self.config
        with config.pool().reserve(rights), control(config, HomeError, what) as run:
            yield run


def _is_versioned(run: Rows) -> bool:
    return int(run(catalog.ISOLATION)[0][0]) == 1
