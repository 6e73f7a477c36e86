"""The MySQL and MariaDB home: an entity is read under one snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from hygge.connector import EntityFacts, Finding, ReadRequest, Source
from hygge.connectors.mysql import catalog
from hygge.connectors.mysql.config import MysqlSettings
from hygge.connectors.mysql.connections import MysqlServer, Rows
from hygge.connectors.mysql.doctor import examine_reading, examine_splitting
from hygge.connectors.mysql.shared_snapshot import begin
from hygge.connectors.mysql.source import MysqlSource
from hygge.connectors.mysql.types import reading_of
from hygge.connectors.mysql.upper_bound import upper_of
from hygge.connectors.sql.server import ServerHome
from hygge.connectors.sql.table_names import TableName, matching

if TYPE_CHECKING:
    import pyarrow as pa


class MysqlHome(ServerHome[MysqlSettings, Rows, catalog.Table]):
    """A database of MySQL or MariaDB."""

    def __init__(self, settings: MysqlSettings, zone: str | None) -> None:
        super().__init__(MysqlServer(settings))
        self._zone = zone

    def findings(self, run: Rows) -> Iterator[Finding]:
        """Yield findings on the server."""
        yield from examine_reading(run, self.settings.ssl_mode())
        yield from examine_splitting(run)

    def names(self, run: Rows) -> list[TableName]:
        """Return every table and view, also of other databases."""
        return [table.name for table in catalog.tables(run)]

    def find(self, run: Rows, name: TableName) -> catalog.Table | None:
        """Return the table of exactly this name; None when there is none."""
        return catalog.find(run, name)

    def survey(self, pattern: str = "*") -> list[EntityFacts]:
        """Return columns, keys, sizes and estimated rows of matching tables, by three queries."""
        import pyarrow as pa

        with self.session("cannot list tables") as run:
            default = self.server.default_schema(run)
            tables = {one.name.shown(default): one for one in catalog.tables(run)}
            names = matching([one.name for one in tables.values()], pattern, default)
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
        with self.session(f"cannot read {request.entity}") as run:
            upper = self._upper(run, request) if request.watermark else None
            begin(run)
            with closing(self._source(run, request)) as source:
                source.upper = upper
                yield source

    def _source(self, run: Rows, request: ReadRequest) -> MysqlSource:
        source = MysqlSource(self.settings, request, run)
        if request.query is not None:
            return source.over_query(request.query)
        return source.over_table(self.found(run, request.entity))

    def _upper(self, run: Rows, request: ReadRequest) -> pa.Scalar | None:
        """Return the upper bound of a snapshot that is taken after this call."""
        column = self._source(run, request).watermark_column()
        if column is None:
            return None
        return upper_of(
            run, column, reads_back=request.reads_back, exact=request.exact, zone=self._zone
        )
