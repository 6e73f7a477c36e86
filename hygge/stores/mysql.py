"""Tables of a MySQL or MariaDB server, each published at once with the commit's own record."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from hygge.connector import ProjectContext, Store
from hygge.sql.maria.names import refuse_name
from hygge.sql.maria.settings import MariaSettings
from hygge.sql.names import readings, refuse_table
from hygge.sql.replacing import Replacing
from hygge.sql.server import ServerStoreConfig

if TYPE_CHECKING:
    import pyarrow as pa


class MysqlStoreConfig(MariaSettings, ServerStoreConfig, type="mysql"):
    """Writes InnoDB tables of MySQL and MariaDB, each published by one act of the server.

    A merge compares texts of the key byte by byte, whatever the collation; a unique key of the
    table that takes two of them for one stops it. It is fast where the key has an index there.
    """

    extra: ClassVar = "mysql"
    schemes: ClassVar = ("mysql", "mariadb")

    replace: Replacing = "auto"
    """How a replace meets a table: `swap` puts a new one in its place, `keep` only its rows, so
    that triggers, keys and indexes stay; `auto` swaps where nothing would be lost."""
    bulk: Literal["auto", "insert"] = "auto"
    """How rows get in: by LOAD DATA LOCAL where the server lets it, or always by INSERT, for what
    stands between and does not know LOAD DATA, such as some proxies."""

    @classmethod
    def held_as(cls, field: pa.Field) -> tuple[pa.Field, str] | None:
        """Return the column that holds `field`; see `StoreConfig.held_as`."""
        from hygge.sql.maria import types

        return types.held_as(field)

    def refuse_name(self, into: str) -> str | None:
        """Return why no table can be called `into`; see `StoreConfig.refuse_name`."""
        name = readings(into, "")[0].name
        return refuse_table(name) or refuse_name(name)

    def store(self, context: ProjectContext) -> Store:
        """Return the store; connects to nothing."""
        from hygge.sql.maria.store import MysqlStore

        return MysqlStore(self, self.replace, may_load=self.bulk == "auto")
