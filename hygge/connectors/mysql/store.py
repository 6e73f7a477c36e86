"""The MySQL and MariaDB store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hygge.connector import Finding, Target, WriteRequest
from hygge.connectors.mysql import catalog
from hygge.connectors.mysql.config import MysqlSettings
from hygge.connectors.mysql.connections import MysqlServer, Rows
from hygge.connectors.mysql.doctor import examine_writing
from hygge.connectors.mysql.pending_commits import TABLE, PendingCommits
from hygge.connectors.mysql.sessions import naming_holders
from hygge.connectors.mysql.target import MysqlTarget, beside
from hygge.connectors.sql import chain
from hygge.connectors.sql.server import ServerStore
from hygge.connectors.sql.store_options import ReplaceMethod
from hygge.connectors.sql.table_names import TableName
from hygge.values.model import Commit


class MysqlStore(ServerStore[MysqlSettings, Rows]):
    """A database of MySQL or MariaDB."""

    def __init__(
        self, settings: MysqlSettings, replacing: ReplaceMethod, *, may_load: bool
    ) -> None:
        super().__init__(MysqlServer(settings), replacing)
        self._may_load = may_load

    def findings(self, run: Rows) -> Iterator[Finding]:
        """Yield findings on the server and on whether this user may create tables."""
        return examine_writing(run, self.settings.ssl_mode())

    def place(self, run: Rows, into: str) -> TableName:
        """Return the table that `into` means, in lower case where the server stores names so."""
        place = super().place(run, into)
        if run("SELECT @@lower_case_table_names")[0][0] == 0:
            return place
        return TableName(place.schema.lower(), place.name.lower())

    def newest(self, run: Rows, place: TableName) -> Commit | None:
        """Return the newest commit of a table; None when there is none."""
        if catalog.find(run, TableName(place.schema, TABLE)) is None:
            return None
        table = catalog.find(run, place)
        commits = chain.Chain(beside(place, chain.TABLE), place.name, "?")
        pending = PendingCommits(beside(place, TABLE), place.name)
        return pending.newest(run, commits, "" if table is None else table.comment)

    def target(self, run: Rows, request: WriteRequest, place: TableName) -> MysqlTarget:
        """Return the target for a table."""
        return MysqlTarget(
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
