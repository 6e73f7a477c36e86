"""The PostgreSQL home: entities are read under one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hygge.connector import EntityFacts, Finding, Reader, ReadRequest, Source
from hygge.connectors.postgres import catalog, types
from hygge.connectors.postgres.config import PostgresSettings
from hygge.connectors.postgres.connections import PostgresServer, Rows
from hygge.connectors.postgres.doctor import examine_reading
from hygge.connectors.postgres.sessions import naming_holders
from hygge.connectors.postgres.source import READ_ONLY, PostgresReader, PostgresSource
from hygge.connectors.postgres.upper_bound import SAYS_READ_ONLY, Bounds, reading
from hygge.connectors.sql.server import ServerHome
from hygge.connectors.sql.table_names import TableName, matching, quote
from hygge.errors import HomeError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class _SharedSnapshot:
    """An exported snapshot that several connections import."""

    name: str
    uppers: Mapping[str, pa.Scalar | HomeError | None]
    """Upper bound by entity, or the error that prevents one."""


class PostgresHome(ServerHome[PostgresSettings, Rows, catalog.Table]):
    """A PostgreSQL database."""

    def __init__(self, settings: PostgresSettings, zone: str | None) -> None:
        super().__init__(PostgresServer(settings))
        self._zone = zone

    def findings(self, run: Rows) -> Iterator[Finding]:
        """Yield findings on the server and on tables that this user may not read."""
        return examine_reading(run)

    def names(self, run: Rows) -> list[TableName]:
        """Return every table and view."""
        return [table.name for table in catalog.tables(run)]

    def find(self, run: Rows, name: TableName) -> catalog.Table | None:
        """Return one table; None when there is none of that name."""
        table = f"{quote(name.schema)}.{quote(name.name)}"
        with naming_holders(self.settings, table):
            return catalog.find(run, name)

    def survey(self, pattern: str = "*") -> list[EntityFacts]:
        """Return columns, keys, sizes and estimated rows of matching tables, by four queries."""
        import pyarrow as pa

        with self.session("cannot list tables") as run:
            default = self.server.default_schema(run)
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
        """Take a snapshot, or use the flow's, and find the table in it."""
        with self.session(f"cannot read {request.entity}", slots=2) as run:
            upper = self._upper(run, request)
            snapshot = _begin(run, request.snapshot)
            with closing(self._source(run, request, snapshot)) as source:
                source.upper = upper
                yield source

    def attach(self, reader: Reader) -> Reader:
        """Return a reader of another process with these settings, which have the password."""
        assert isinstance(reader, PostgresReader)
        return replace(reader, settings=self.settings)

    def _source(self, run: Rows, request: ReadRequest, snapshot: str | None) -> PostgresSource:
        source = PostgresSource(self.settings, request, run, snapshot=snapshot)
        if request.query is not None:
            return source.over_query(request.query)
        return source.over_table(self.found(run, request.entity))

    def _upper(self, run: Rows, request: ReadRequest) -> pa.Scalar | None:
        """Return the upper bound of the shared snapshot, or of one taken after this call."""
        if request.watermark is None:
            return None
        if isinstance(request.snapshot, _SharedSnapshot):
            found = request.snapshot.uppers[request.entity]
            if isinstance(found, HomeError):
                raise found
            return found
        return self._bound(run, request, Bounds(run, self._zone))

    def _bound(self, run: Rows, request: ReadRequest, bounds: Bounds) -> pa.Scalar | None:
        with reading(run):
            column = self._source(run, request, None).watermark_column()
        return None if column is None else bounds.upper_of(column)

    @contextmanager
    def snapshot(self, requests: Sequence[ReadRequest] = ()) -> Iterator[object]:
        """Hold a transaction open and export its snapshot to other connections."""
        # Beyond the pool's limit, because moves that wait for slots need this snapshot to proceed.
        with self.session("cannot open a snapshot", slots=0) as run:
            uppers = dict(self._uppers(run, requests))
            exported = _begin(run, None)
            if exported is None:
                raise HomeError(
                    "a standby server cannot share its snapshot between connections",
                    hint="read from the primary server, or set snapshot: entity",
                )
            yield _SharedSnapshot(exported, uppers)

    def _uppers(
        self, run: Rows, requests: Sequence[ReadRequest]
    ) -> Iterator[tuple[str, pa.Scalar | HomeError | None]]:
        bounds = Bounds(run, self._zone)
        for request in requests:
            try:
                yield request.entity, self._bound(run, request, bounds)
            except HomeError as error:
                if self.retry_after(error) is not None:
                    raise
                yield request.entity, error


def _begin(run: Rows, shared: object | None) -> str | None:
    """Begin a transaction and return the name of its exported snapshot."""
    run(READ_ONLY)
    if isinstance(shared, _SharedSnapshot):
        run(f"SET TRANSACTION SNAPSHOT '{shared.name}'")
        run(SAYS_READ_ONLY)
        return shared.name
    run(SAYS_READ_ONLY)
    if run("SELECT pg_is_in_recovery()")[0][0]:
        return None
    return str(run("SELECT pg_export_snapshot()")[0][0])
