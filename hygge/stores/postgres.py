"""Tables of a PostgreSQL server, published in one transaction with the commit's own row."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hygge.connector import ProjectContext, Store
from hygge.sql.names import readings, refuse_table
from hygge.sql.pg.names import refuse_name
from hygge.sql.pg.settings import PgSettings
from hygge.sql.replacing import Replacing
from hygge.sql.server import ServerStoreConfig

if TYPE_CHECKING:
    import pyarrow as pa


class PostgresStoreConfig(PgSettings, ServerStoreConfig, type="postgres"):
    """Writes tables of PostgreSQL by COPY, each published in one short transaction."""

    extra: ClassVar = "postgres"
    schemes: ClassVar = ("postgresql", "postgres")

    replace: Replacing = "auto"
    """How a replace meets a table: `swap` puts a new one in its place, `keep` only its rows, so
    that grants, views and indexes stay; `auto` swaps where nothing would be lost."""

    @classmethod
    def held_as(cls, field: pa.Field) -> tuple[pa.Field, str] | None:
        """Return the column that holds `field`; see `StoreConfig.held_as`."""
        from hygge.sql.pg.types import held_as

        return held_as(field)

    def refuse_name(self, into: str) -> str | None:
        """Return why no table can be called `into`; see `StoreConfig.refuse_name`."""
        name = readings(into, "")[0].name
        return refuse_table(name) or refuse_name(name)

    def store(self, context: ProjectContext) -> Store:
        """Return the store; connects to nothing."""
        from hygge.sql.pg.store import PostgresStore

        return PostgresStore(self, self.replace)
