"""The SQL Server home: an entity is read under snapshot isolation where the database allows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hygge.connector import Finding, ReadRequest, Source
from hygge.connectors.mssql import catalog
from hygge.connectors.mssql.config import MssqlSettings
from hygge.connectors.mssql.connections import MssqlServer, Rows
from hygge.connectors.mssql.doctor import examine_server
from hygge.connectors.mssql.source import MssqlSource
from hygge.connectors.sql.server import ServerHome
from hygge.connectors.sql.table_names import TableName


class MssqlHome(ServerHome[MssqlSettings, Rows, TableName]):
    """A database of SQL Server."""

    def __init__(self, settings: MssqlSettings) -> None:
        super().__init__(MssqlServer(settings))

    def findings(self, run: Rows) -> Iterator[Finding]:
        """Yield findings on the server and on whether snapshot isolation is allowed."""
        yield from examine_server(run)
        if _is_versioned(run):
            yield Finding("snapshot isolation: on")
            return
        yield Finding(
            "snapshot isolation: off; rows that change while they are read may be read twice or "
            "not at all",
            "warning",
            "ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON",
        )

    def names(self, run: Rows) -> list[TableName]:
        """Return every table and view."""
        return catalog.tables(run)

    def find(self, run: Rows, name: TableName) -> TableName | None:
        """Return the table or view of exactly this name; None when there is none."""
        return name if catalog.kind(run, name) in ("table", "view") else None

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Source]:
        """Find the table and its columns."""
        with self.session(f"cannot read {request.entity}", slots=2) as run:
            source = MssqlSource(self.settings, request, run, is_versioned=_is_versioned(run))
            if request.query is not None:
                yield source.over_query(request.query)
            else:
                yield source.over_table(self.found(run, request.entity))


def _is_versioned(run: Rows) -> bool:
    return int(run(catalog.ISOLATION)[0][0]) == 1
