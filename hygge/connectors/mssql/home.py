"""A database of SQL Server that is read, as of one instant where it allows that."""

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
        """Yield what the server says of itself, and whether it can be read as of one instant."""
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

    def names(self, run: Rows) -> list[TableName]:
        """Return every table and view."""
        return catalog.tables(run)

    def find(self, run: Rows, name: TableName) -> TableName | None:
        """Return the name of a table or view; None when there is none of that name."""
        return name if catalog.kind(run, name) in ("table", "view") else None

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Source]:
        """Find the table, and what its columns are."""
        with self.asked(f"cannot read {request.entity}", rights=2) as run:
            source = MssqlSource(self.settings, request, run, is_versioned=_is_versioned(run))
            if request.query is not None:
                yield source.over_query(request.query)
            else:
                yield source.over_table(self.found(run, request.entity))


def _is_versioned(run: Rows) -> bool:
    return int(run(catalog.ISOLATION)[0][0]) == 1
