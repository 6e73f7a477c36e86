"""Tables of SQL Server, published in one transaction with the commit's own row."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hygge.connector import ProjectContext, Store
from hygge.sql.names import readings, refuse_table
from hygge.sql.replacing import Replacing
from hygge.sql.server import ServerStoreConfig
from hygge.sql.tds.names import refuse_name
from hygge.sql.tds.settings import TdsSettings

if TYPE_CHECKING:
    import pyarrow as pa


class MssqlStoreConfig(TdsSettings, ServerStoreConfig, type="mssql"):
    """Not yet tested against a server: writes tables of SQL Server by bulk copy.

    It was built without one: its SQL is checked by a grammar, its types case by case, and what it
    calls of the driver is there. Try it on a copy before you rely on it.

    The driver needs libraries of the system: on Debian and Ubuntu `apt install libltdl7 libkrb5-3
    libgssapi-krb5-2`, on Red Hat and Fedora `dnf install libtool-ltdl krb5-libs`.

    Each table is published in one short transaction. Readers wait for it, unless the database has
    `READ_COMMITTED_SNAPSHOT` on; other writers do, but not for an append. NaN, infinity and times
    finer than 100 nanoseconds are refused, and what a column of the table would cut or round.
    A merge tells keys apart sign by sign, whatever the collation. In tables that hygge makes a key
    of text has no index: for large merges make the table first, with `nvarchar(n)`. What a check by
    SQL changes is taken back.
    `idle_timeout` has no effect: connections end with their move.
    """

    extra: ClassVar = "mssql"
    schemes: ClassVar = ("mssql", "sqlserver")

    replace: Replacing = "auto"
    """How a replace meets a table: `swap` puts a new one in its place, `keep` only its rows, so
    that grants, views and indexes stay; `auto` swaps where nothing would be lost."""

    @classmethod
    def held_as(cls, field: pa.Field) -> tuple[pa.Field, str] | None:
        """Return the column that holds `field`; see `StoreConfig.held_as`."""
        from hygge.sql.tds.types import held_as

        return held_as(field)

    def refuse_name(self, into: str) -> str | None:
        """Return why no table can be called `into`; see `StoreConfig.refuse_name`."""
        name = readings(into, "")[0].name
        return refuse_table(name) or refuse_name(name)

    def store(self, context: ProjectContext) -> Store:
        """Return the store; connects to nothing."""
        from hygge.sql.tds.store import MssqlStore

        return MssqlStore(self, self.replace)
