"""The PostgreSQL store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hygge.connector import Finding, Target, WriteRequest
from hygge.connectors.postgres.config import PostgresSettings
from hygge.connectors.postgres.connections import PostgresServer, Rows
from hygge.connectors.postgres.doctor import examine_writing
from hygge.connectors.postgres.sessions import naming_holders, reporting_blocks
from hygge.connectors.postgres.target import PostgresTarget
from hygge.connectors.sql import chain
from hygge.connectors.sql.server import ServerStore
from hygge.connectors.sql.store_options import ReplaceMethod
from hygge.connectors.sql.table_names import TableName, quote
from hygge.values.model import Commit


class PostgresStore(ServerStore[PostgresSettings, Rows]):
    """A PostgreSQL database."""

    def __init__(self, settings: PostgresSettings, replacing: ReplaceMethod) -> None:
        super().__init__(PostgresServer(settings), replacing)

    def findings(self, run: Rows) -> Iterator[Finding]:
        """Yield findings on the server and on whether this user may create tables."""
        return examine_writing(run, self.server.default_schema(run))

    def newest(self, run: Rows, place: TableName) -> Commit | None:
        """Return the newest commit of a table; None when there is none."""
        table = f"{quote(place.schema)}.{quote(chain.TABLE)}"
        if run("SELECT to_regclass($1)", (table,))[0][0] is None:
            return None
        return chain.Chain(table, place.name, "$").last(run)

    def target(self, run: Rows, request: WriteRequest, place: TableName) -> PostgresTarget:
        """Return the target for a table."""
        return PostgresTarget(self.settings, request, run, place=place, replacing=self.replacing)

    @contextmanager
    def taken(self, run: Rows, request: WriteRequest, place: TableName) -> Iterator[Target]:
        """Take a table for one attempt; see `Store.open`."""
        target = self.target(run, request, place)
        names = (target.table, target.chain.table, target.name(target.staging))
        with naming_holders(self.settings, *names), reporting_blocks(self.settings, run):
            target.take()
            yield target
