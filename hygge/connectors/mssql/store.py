"""The SQL Server store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hygge.connector import Finding, Target, WriteRequest
from hygge.connectors.mssql import catalog
from hygge.connectors.mssql.config import MssqlSettings
from hygge.connectors.mssql.connections import MssqlServer, Rows
from hygge.connectors.mssql.doctor import examine_writing
from hygge.connectors.mssql.target import MssqlTarget, chain_of
from hygge.connectors.sql.server import ServerStore
from hygge.connectors.sql.store_options import ReplaceMethod
from hygge.connectors.sql.table_names import TableName
from hygge.values.model import Commit


class MssqlStore(ServerStore[MssqlSettings, Rows]):
    """A database of SQL Server."""

    def __init__(self, settings: MssqlSettings, replacing: ReplaceMethod) -> None:
        super().__init__(MssqlServer(settings), replacing)

    def findings(self, run: Rows) -> Iterator[Finding]:
        """Yield findings on the server and on whether this user may create tables."""
        return examine_writing(run, self.server.default_schema(run))

    def place(self, run: Rows, into: str) -> TableName:
        """Return the table that `into` means, spelled as in the catalog."""
        return catalog.actual(run, super().place(run, into))

    def newest(self, run: Rows, place: TableName) -> Commit | None:
        """Return the newest commit of a table; None when there is none."""
        chain = chain_of(place)
        if run("SELECT OBJECT_ID(?)", (chain.table,))[0][0] is None:
            return None
        return chain.last(run)

    def target(self, run: Rows, request: WriteRequest, place: TableName) -> MssqlTarget:
        """Return the target for a table."""
        return MssqlTarget(self.settings, request, run, place=place, replacing=self.replacing)

    @contextmanager
    def taken(self, run: Rows, request: WriteRequest, place: TableName) -> Iterator[Target]:
        """Take a table for one attempt; see `Store.open`."""
        target = self.target(run, request, place)
        target.take()
        yield target
