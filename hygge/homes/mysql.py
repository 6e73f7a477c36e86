"""Tables, views and queries of a MySQL or MariaDB server, read under one snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, ClassVar

from hygge.connector import (
    Ability,
    EntityFacts,
    Finding,
    Home,
    HomeConfig,
    ProjectContext,
    ReadRequest,
    Source,
)
from hygge.errors import HomeError
from hygge.sql.maria import catalog
from hygge.sql.maria.bounding import upper_of
from hygge.sql.maria.connecting import Rows, session
from hygge.sql.maria.examining import examine_reading, examine_splitting
from hygge.sql.maria.faults import is_passing
from hygge.sql.maria.reading import MariaSource
from hygge.sql.maria.settings import MariaSettings
from hygge.sql.maria.splitting import begin
from hygge.sql.maria.types import reading_of
from hygge.sql.names import matching, nearest, readings
from hygge.sql.waiting import StillWritingError

if TYPE_CHECKING:
    import pyarrow as pa


class MysqlHomeConfig(MariaSettings, HomeConfig, type="mysql"):
    """Reads tables, views and queries of MySQL and MariaDB, each under one snapshot.

    A large InnoDB table whose primary key begins with a whole number is read over several
    connections, with `parallel: 1` over one. They see the same rows because the table is locked for
    the few milliseconds in which they begin; the lock is waited for one second at most. That needs
    the right to LOCK TABLES; where it cannot be had, the log says why there is one connection.
    """

    can: ClassVar = frozenset({Ability.QUERY, Ability.WHERE})
    extra: ClassVar = "mysql"
    schemes: ClassVar = ("mysql", "mariadb")

    def home(self, context: ProjectContext) -> MysqlHome:
        """Return the home; connects to nothing."""
        return MysqlHome(self)

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return the tables that entity `name` may be, as URLs without the user."""
        return self.urls(name)


class MysqlHome(Home):
    """A database of MySQL or MariaDB."""

    def __init__(self, config: MysqlHomeConfig) -> None:
        self.config = config

    def check(self) -> None:
        """Connect and ask something."""
        with self._session("cannot read") as run:
            run("SELECT 1")

    def examine(self) -> Iterator[Finding]:
        """Yield what the server says of itself."""
        with self._session("cannot look around") as run:
            yield from examine_reading(run, self.config.ssl_mode())
            yield from examine_splitting(run)

    def entities(self, pattern: str = "*") -> list[str]:
        """Return the tables and views that match, those of other databases with its name."""
        with self._session("cannot list tables") as run:
            return matching([one.name for one in catalog.tables(run)], pattern, self._database)

    def survey(self, pattern: str = "*") -> list[EntityFacts]:
        """Return columns, keys, sizes and estimated rows of all that match, by three questions."""
        import pyarrow as pa

        with self._session("cannot list tables") as run:
            tables = {one.name.shown(self._database): one for one in catalog.tables(run)}
            names = matching([one.name for one in tables.values()], pattern, self._database)
            columns, keys = catalog.columns(run), catalog.primary_keys(run)
        found = []
        for name in names:
            table = tables[name]
            fields = [reading_of(one, "").field for one in columns.get(table.name, [])]
            key, size = keys.get(table.name, ()), table.bytes or None
            found.append(
                EntityFacts(name, pa.schema(fields), table.rows, key, table.kind, size, True)
            )
        return found

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Source]:
        """Take a snapshot, and find the table in it."""
        with self._session(f"cannot read {request.entity}") as run:
            upper = self._upper(run, request) if request.watermark else None
            begin(run)
            with closing(self._source(run, request)) as source:
                source.upper = upper
                yield source

    def _source(self, run: Rows, request: ReadRequest) -> MariaSource:
        source = MariaSource(self.config, request, run)
        if request.query is not None:
            return source.over_query(request.query)
        return source.over_table(self._find(run, request.entity))

    def _upper(self, run: Rows, request: ReadRequest) -> pa.Scalar | None:
        """Return up to where the snapshot, which is to be taken after this, lacks no row."""
        column = self._source(run, request).watermark_column()
        return None if column is None else upper_of(run, column)

    def is_transient(self, error: BaseException) -> bool:
        """Return true for lost connections, deadlocks and servers that are starting or full."""
        return isinstance(error, StillWritingError) or is_passing(error)

    def _find(self, run: Rows, entity: str) -> catalog.Table:
        for name in readings(entity, self._database):
            table = catalog.find(run, name)
            if table is not None:
                return table
        others = [table.name.shown(self._database) for table in catalog.tables(run)]
        raise HomeError(
            f"{self.config.endpoint()} has no table '{entity}'{nearest(entity, others)}",
            hint="list what is there with  hygge discover; tables that this user may not read are "
            "not seen",
            code="HG506",
        )

    @property
    def _database(self) -> str:
        return self.config.endpoint().database or ""

    @contextmanager
    def _session(self, what: str) -> Iterator[Rows]:
        config = self.config
        with config.pool().reserve(1), session(config, HomeError) as connection:
            yield Rows(connection, HomeError, what)
