"""The SQLite home: entities are read from one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from hygge.connector import EntityFacts, Finding, Home, ProjectContext, ReadRequest, Source
from hygge.connectors.sql.file_database import FileSettings
from hygge.connectors.sql.table_names import TableName, matching, nearest, quote
from hygge.connectors.sqlite import catalog
from hygge.connectors.sqlite.doctor import examine_reading
from hygge.connectors.sqlite.faults import is_passing
from hygge.connectors.sqlite.snapshot import SharedSnapshot, Snapshot
from hygge.connectors.sqlite.source import SqliteSource
from hygge.errors import HomeError

_COUNTED_BYTES = 64 * 2**20
"""Maximum size in bytes of a file whose tables are counted for a survey; SQLite stores no counts.
"""


class SqliteHome(Home):
    """A SQLite file."""

    def __init__(self, config: FileSettings, context: ProjectContext) -> None:
        self.file = config.file(context)
        self._seconds = config.busy_timeout

    def check(self) -> None:
        """Open the file and read its schema."""
        with self._view():
            pass

    def examine(self) -> Iterator[Finding]:
        """Yield findings on the file: journal mode and integrity."""
        with self._view() as view:
            yield from examine_reading(view.main, self.file)

    def entities(self, pattern: str = "*") -> list[str]:
        """Return the matching tables and views, sorted."""
        with self._view() as view:
            return _matching(catalog.tables(view.main), pattern)

    def survey(self, pattern: str = "*") -> list[EntityFacts]:
        """Return columns and keys of matching tables; infers undeclared types from a sample."""
        with self._view() as view:
            tables = {table.name: table for table in catalog.tables(view.main)}
            names = _matching(list(tables.values()), pattern)
            return [_facts(view, tables[name]) for name in names]

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Source]:
        """Begin a snapshot now, or use the flow's."""
        shared = request.snapshot
        with shared.join() if isinstance(shared, SharedSnapshot) else self._view() as view:
            source = SqliteSource(request, view, keeps_view=isinstance(shared, SharedSnapshot))
            if request.query is not None:
                yield source.over_query(request.query)
            else:
                yield source.over_table(self._find(view, request.entity))

    @contextmanager
    def snapshot(self, requests: Sequence[ReadRequest] = ()) -> Iterator[object]:
        """Hold a read transaction open, so that others with the same state can be opened."""
        with self._view() as view:
            yield SharedSnapshot(view)

    def retry_after(self, error: BaseException) -> float | None:
        """Return 0.0 where another program had the file locked, or wrote it meanwhile."""
        return 0.0 if is_passing(error) else None

    def _find(self, view: Snapshot, entity: str) -> catalog.Table:
        tables = catalog.tables(view.main)
        table = catalog.find(tables, entity)
        if table is None:
            raise HomeError(
                f"{self.file} has no table '{entity}'{nearest(entity, _matching(tables, '*'))}",
                hint="to list the tables:  hygge discover HOME",
                code="HG506",
            )
        return table

    @contextmanager
    def _view(self) -> Iterator[Snapshot]:
        with closing(Snapshot(self.file, self._seconds)) as view:
            yield view


def _matching(tables: list[catalog.Table], pattern: str) -> list[str]:
    return matching([TableName("", table.name) for table in tables], pattern, "")


def _facts(view: Snapshot, table: catalog.Table) -> EntityFacts:
    """Return the facts about a table; a broken view has no columns."""
    import pyarrow as pa

    source = SqliteSource(ReadRequest(table.name), view, keeps_view=True)
    try:
        source.over_table(table)
    except HomeError:
        return EntityFacts(table.name, pa.schema([]), kind=f"broken {table.kind}")
    is_cheap = table.kind == "table" and view.file.stat().st_size <= _COUNTED_BYTES
    rows = view.main(f"SELECT count(*) FROM main.{quote(table.name)}")[0][0] if is_cheap else None
    return EntityFacts(table.name, source.schema, rows, source.primary_key, table.kind)
