"""A database of MySQL or MariaDB that is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hygge.connector import Finding, Target, WriteRequest
from hygge.connectors.mysql import catalog
from hygge.connectors.mysql.config import MariaSettings
from hygge.connectors.mysql.connecting import MariaServer, Rows
from hygge.connectors.mysql.examining import examine_writing
from hygge.connectors.mysql.pending import TABLE, Pending
from hygge.connectors.mysql.sessions import naming_holders
from hygge.connectors.mysql.writing import MariaTarget, beside
from hygge.connectors.sql import chain
from hygge.connectors.sql.names import TableName
from hygge.connectors.sql.replacing import Replacing
from hygge.connectors.sql.serving import ServerStore
from hygge.values.model import Commit


class MysqlStore(ServerStore[MariaSettings, Rows]):
    """A database of MySQL or MariaDB."""

    def __init__(self, settings: MariaSettings, replacing: Replacing, *, may_load: bool) -> None:
        super().__init__(MariaServer(settings), replacing)
        self._may_load = may_load

    def findings(self, run: Rows) -> Iterator[Finding]:
        """Yield what the server says of itself, and whether this user may make tables."""
        return examine_writing(run, self.settings.ssl_mode())

    def place(self, run: Rows, into: str) -> TableName:
        """Return the table that `into` means, in lower case where the server keeps names so."""
        place = super().place(run, into)
        if run("SELECT @@lower_case_table_names")[0][0] == 0:
            return place
        return TableName(place.schema.lower(), place.name.lower())

    def newest(self, run: Rows, place: TableName) -> Commit | None:
        """Return the newest commit of a table; None when nothing was published there."""
        if catalog.find(run, TableName(place.schema, TABLE)) is None:
            return None
        table = catalog.find(run, place)
        commits = chain.Chain(beside(place, chain.TABLE), place.name, "?")
        pending = Pending(beside(place, TABLE), place.name)
        return pending.newest(run, commits, "" if table is None else table.comment)

    def target(self, run: Rows, request: WriteRequest, place: TableName) -> MariaTarget:
        """Return the target for a table."""
        return MariaTarget(
            self.settings,
            request,
            run,
            place=place,
            replacing=self.replacing,
            may_load=self._may_load,
        )

    @contextmanager
    def taken(self, run: Rows, request: WriteRequest, place: TableName) -> Iterator[Target]:
        """Take a table for one attempt; see `Store.open`."""
        target = self.target(run, request, place)
        try:
            with naming_holders(self.settings), target.keep_alive():
                target.take()
                yield target
        finally:
            target.leave()
