"""The DuckDB home: entities are read in one transaction."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from hygge.connector import EntityFacts, Finding, Home, ProjectContext, ReadRequest, Source
from hygge.connectors.duckdb import catalog
from hygge.connectors.duckdb.config import DuckdbSettings
from hygge.connectors.duckdb.doctor import examine_file
from hygge.connectors.duckdb.faults import Rows, is_passing
from hygge.connectors.duckdb.source import DuckdbSource
from hygge.connectors.sql.table_names import matching, nearest, readings
from hygge.errors import HomeError


@dataclass(frozen=True, slots=True)
class _SharedSnapshot:
    """One transaction from which several entities are read in turn."""

    run: Rows
    turn: threading.Lock = field(default_factory=threading.Lock)


class DuckdbHome(Home):
    """A DuckDB file."""

    def __init__(self, config: DuckdbSettings, context: ProjectContext) -> None:
        self._config = config
        self._context = context
        self.file = config.file(context)

    def check(self) -> None:
        """Open the file and run a query."""
        with self._connected() as run:
            run("SELECT 1")

    def examine(self) -> Iterator[Finding]:
        """Yield findings on the file and the library."""
        with self._connected() as run:
            yield from examine_file(run, self.file)

    def entities(self, pattern: str = "*") -> list[str]:
        """Return the matching tables and views, without the schema `main`."""
        with self._connected() as run:
            names = [table.name for table in catalog.tables(run)]
            return matching(names, pattern, catalog.DEFAULT_SCHEMA)

    def survey(self, pattern: str = "*") -> list[EntityFacts]:
        """Return columns, keys and estimated rows of matching tables."""
        default = catalog.DEFAULT_SCHEMA
        with self._connected() as run:
            tables = {table.name.shown(default): table for table in catalog.tables(run)}
            names = matching([table.name for table in tables.values()], pattern, default)
            return [_facts(run, name, tables[name]) for name in names]

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Source]:
        """Begin a transaction, or wait for a turn at the flow's."""
        if isinstance(request.snapshot, _SharedSnapshot):
            with request.snapshot.turn:
                yield self._source(request, request.snapshot.run)
            return
        with self._connected(request.entity) as run:
            run("BEGIN TRANSACTION READ ONLY")
            yield self._source(request, run)

    @contextmanager
    def snapshot(self, requests: Sequence[ReadRequest] = ()) -> Iterator[object]:
        """Hold a transaction open, which moves use in turn."""
        with self._connected() as run:
            run("BEGIN TRANSACTION READ ONLY")
            catalog.tables(run)
            yield _SharedSnapshot(run)

    def retry_after(self, error: BaseException) -> float | None:
        """Return 0.0 where another process had the file."""
        return 0.0 if is_passing(error) else None

    def _source(self, request: ReadRequest, run: Rows) -> DuckdbSource:
        source = DuckdbSource(request, run)
        if request.query is not None:
            return source.over_query(request.query)
        return source.over_table(self._find(run, request.entity))

    def _find(self, run: Rows, entity: str) -> catalog.Table:
        names = readings(entity, catalog.DEFAULT_SCHEMA)
        table = run.listing.find(run, *names) or run.listing.find_anew(run, *names)
        if table is not None:
            return table
        others = [table.name.shown(catalog.DEFAULT_SCHEMA) for table in catalog.tables(run)]
        raise HomeError(
            f"{self.file} has no table '{entity}'{nearest(entity, others)}",
            hint="to list the tables:  hygge discover HOME",
            code="HG506",
        )

    @contextmanager
    def _connected(self, entity: str = "") -> Iterator[Rows]:
        what = f"cannot read {entity or self.file}"
        with self._config.connected(self._context, HomeError, what, writes=False) as run:
            yield run


def _facts(run: Rows, name: str, table: catalog.Table) -> EntityFacts:
    """Return the facts about a table; a broken view has no columns."""
    import pyarrow as pa

    source = DuckdbSource(ReadRequest(name), run)
    try:
        source.over_table(table)
    except HomeError:
        return EntityFacts(name, pa.schema([]), kind=f"broken {table.kind}")
    key, kind = source.primary_key, table.kind
    return EntityFacts(name, source.schema, table.rows, key, kind, None, True)
