"""A PostgreSQL database that is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hygge.connector import Finding, Target, WriteRequest
from hygge.connectors.postgres.config import PgSettings
from hygge.connectors.postgres.connecting import PgServer, Rows
from hygge.connectors.postgres.examining import examine_writing
from hygge.connectors.postgres.sessions import naming_holders, reporting_blocks
from hygge.connectors.postgres.writing import PgTarget
from hygge.connectors.sql import chain
from hygge.connectors.sql.names import TableName, quote
from hygge.connectors.sql.replacing import Replacing
from hygge.connectors.sql.serving import ServerStore
from hygge.values.model import Commit


class PostgresStore(ServerStore[PgSettings, Rows]):
    """A PostgreSQL database."""

    def __init__(self, settings: PgSettings, replacing: Replacing) -> None:
        super().__init__(PgServer(settings), replacing)

    def findings(self, run: Rows) -> Iterator[Finding]:
        """Yield what the server says of itself, and whether this user may make tables."""
        return examine_writing(run, self.server.default_schema(run))

    def newest(self, run: Rows, place: TableName) -> Commit | None:
        """Return the newest commit of a table; None when nothing was published there."""
        table = f"{quote(place.schema)}.{quote(chain.TABLE)}"
        if run("SELECT to_regclass($1)", (table,))[0][0] is None:
            return None
        return chain.Chain(table, place.name, "$").last(run)

    def target(self, run: Rows, request: WriteRequest, place: TableName) -> PgTarget:
        """Return the target for a table."""
        return PgTarget(self.settings, request, run, place=place, replacing=self.replacing)

    @contextmanager
    def taken(self, run: Rows, request: WriteRequest, place: TableName) -> Iterator[Target]:
        """Take a table for one attempt; see `Store.open`."""
        target = self.target(run, request, place)
        names = (target.table, target.chain.table, target.name(target.staging))
        with naming_holders(self.settings, *names), reporting_blocks(self.settings, run):
            target.take()
            yield target
