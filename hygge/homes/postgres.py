"""Tables, views and queries of a PostgreSQL server, read under one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
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
from hygge.sql.names import matching, nearest, readings
from hygge.sql.pg import catalog, types
from hygge.sql.pg.bounding import SAYS_READ_ONLY, Bounds, reading
from hygge.sql.pg.connecting import Rows, control
from hygge.sql.pg.examining import examine_reading
from hygge.sql.pg.faults import is_passing
from hygge.sql.pg.reading import READ_ONLY, PgSource
from hygge.sql.pg.settings import PgSettings
from hygge.sql.waiting import StillWritingError
from hygge.sql.zones import Zone

if TYPE_CHECKING:
    import pyarrow as pa


class PostgresHomeConfig(PgSettings, HomeConfig, type="postgres"):
    """Reads tables, views and queries of PostgreSQL, all splits under one snapshot."""

    can: ClassVar = frozenset(Ability) - {Ability.FILES}
    extra: ClassVar = "postgres"
    schemes: ClassVar = ("postgresql", "postgres")

    time_zone: Zone | None = None
    """The zone of the clocks that write times without one. Rows that are new by such a column then
    move at once; unless given, they wait for UTC or the server's zone, whichever is behind."""

    @classmethod
    def type_samples(cls) -> Mapping[str, pa.Field]:
        """Return how columns of PostgreSQL's types are read."""
        return {name: types.sample(name) for name in types.SAMPLES}

    def home(self, context: ProjectContext) -> PostgresHome:
        """Return the home; connects to nothing."""
        return PostgresHome(self)

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return the tables that entity `name` may be, as URLs without the user."""
        return self.urls(name)


@dataclass(frozen=True, slots=True)
class _Shared:
    """A snapshot that several connections take over."""

    name: str
    uppers: Mapping[str, pa.Scalar | HomeError | None]
    """Up to where it lacks no row, by entity; or why that cannot be told."""


class PostgresHome(Home):
    """A PostgreSQL database."""

    def __init__(self, config: PostgresHomeConfig) -> None:
        self.config = config

    def check(self) -> None:
        """Connect and ask something."""
        with self._control("cannot read") as run:
            run("SELECT 1")

    def examine(self) -> Iterator[Finding]:
        """Yield what the server says of itself, and the tables that this user may not read."""
        with self._control("cannot look around") as run:
            yield from examine_reading(run)

    def entities(self, pattern: str = "*") -> list[str]:
        """Return the tables and views that match, without their schema where it is the default."""
        with self._control("cannot list tables") as run:
            found = [table.name for table in catalog.tables(run)]
            return matching(found, pattern, self._schema(run))

    def survey(self, pattern: str = "*") -> list[EntityFacts]:
        """Return columns, keys, sizes and estimated rows of all that match, by four questions."""
        import pyarrow as pa

        with self._control("cannot list tables") as run:
            default = self._schema(run)
            tables = {table.name.shown(default): table for table in catalog.tables(run)}
            names = matching([t.name for t in tables.values()], pattern, default)
            oids = [tables[name].oid for name in names]
            columns, keys = catalog.columns(run, oids), catalog.primary_keys(run, oids)
        found = []
        for name in names:
            table = tables[name]
            fields = [
                types.reading_of(one.name, "", one.type, nullable=one.nullable).field
                for one in columns.get(table.oid, [])
            ]
            key = keys.get(table.oid, ())
            size = table.bytes or None
            guess = table.rows is not None
            found.append(
                EntityFacts(name, pa.schema(fields), table.rows, key, table.kind, size, guess)
            )
        return found

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Source]:
        """Take a snapshot, or the one that the flow holds, and find the table in it."""
        with self._control(f"cannot read {request.entity}", rights=2) as run:
            upper = self._upper(run, request)
            snapshot = _begin(run, request.snapshot)
            with closing(self._source(run, request, snapshot)) as source:
                source.upper = upper
                yield source

    def _source(self, run: Rows, request: ReadRequest, snapshot: str | None) -> PgSource:
        source = PgSource(self.config, request, run, snapshot=snapshot)
        if request.query is not None:
            return source.over_query(request.query)
        return source.over_table(self._find(run, request.entity))

    def _upper(self, run: Rows, request: ReadRequest) -> pa.Scalar | None:
        """Return up to where the snapshot, shared or taken after this, lacks no row."""
        if request.watermark is None:
            return None
        if isinstance(request.snapshot, _Shared):
            found = request.snapshot.uppers[request.entity]
            if isinstance(found, HomeError):
                raise found
            return found
        return self._bound(run, request, Bounds(run, self.config.time_zone))

    def _bound(self, run: Rows, request: ReadRequest, bounds: Bounds) -> pa.Scalar | None:
        with reading(run):
            column = self._source(run, request, None).watermark_column()
        return None if column is None else bounds.upper_of(column)

    @contextmanager
    def snapshot(self, requests: Sequence[ReadRequest] = ()) -> Iterator[object]:
        """Hold a transaction open, whose snapshot other connections take over by its name."""
        # Beyond the pool's limit: the moves that wait for its connections need it to go on.
        with self._control("cannot hold a snapshot", rights=0) as run:
            uppers = dict(self._uppers(run, requests))
            exported = _begin(run, None)
            if exported is None:
                raise HomeError(
                    "a standby server cannot share its snapshot between connections",
                    hint="read from the primary server, or set snapshot: entity",
                )
            yield _Shared(exported, uppers)

    def _uppers(
        self, run: Rows, requests: Sequence[ReadRequest]
    ) -> Iterator[tuple[str, pa.Scalar | HomeError | None]]:
        bounds = Bounds(run, self.config.time_zone)
        for request in requests:
            try:
                yield request.entity, self._bound(run, request, bounds)
            except HomeError as error:
                if self.is_transient(error):
                    raise
                yield request.entity, error

    def is_transient(self, error: BaseException) -> bool:
        """Return true for lost connections, deadlocks and servers that are starting or full."""
        return isinstance(error, StillWritingError) or is_passing(error)

    def _find(self, run: Rows, entity: str) -> catalog.Table:
        default = self._schema(run)
        for name in readings(entity, default):
            table = catalog.find(run, name)
            if table is not None:
                return table
        others = [table.name.shown(default) for table in catalog.tables(run)]
        raise HomeError(
            f"{self.config.endpoint()} has no table '{entity}'{nearest(entity, others)}",
            hint="list what is there with  hygge discover; tables of a schema that this user may "
            "not use are not seen",
            code="HG506",
        )

    def _schema(self, run: Rows) -> str:
        return self.config.schema_ or catalog.default_schema(run)

    @contextmanager
    def _control(self, what: str, *, rights: int = 1) -> Iterator[Rows]:
        config = self.config
        with config.pool().reserve(rights), control(config, HomeError) as connection:
            yield Rows(connection, HomeError, what)


def _begin(run: Rows, shared: object | None) -> str | None:
    """Begin to read at one instant; return the name by which other connections share it."""
    run(READ_ONLY)
    if isinstance(shared, _Shared):
        run(f"SET TRANSACTION SNAPSHOT '{shared.name}'")
        run(SAYS_READ_ONLY)
        return shared.name
    run(SAYS_READ_ONLY)
    if run("SELECT pg_is_in_recovery()")[0][0]:
        return None
    return str(run("SELECT pg_export_snapshot()")[0][0])
