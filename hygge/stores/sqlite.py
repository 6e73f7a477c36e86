"""Tables of a SQLite file, published in one transaction with the commit's own row."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hygge.connector import HomeConfig, ProjectContext, Store, StoreConfig
from hygge.model import Mode
from hygge.sql.embedded import FileSettings
from hygge.sql.lite.names import refuse_name
from hygge.sql.names import refuse_table
from hygge.sql.replacing import Replacing

if TYPE_CHECKING:
    import pyarrow as pa


class SqliteStoreConfig(FileSettings, StoreConfig, type="sqlite"):
    """Writes tables of a SQLite file, each published in one transaction."""

    extra: ClassVar = "sqlite"
    modes: ClassVar = frozenset(Mode)
    answers_sql: ClassVar = True
    drivers: ClassVar = ("adbc_driver_sqlite",)

    replace: Replacing = "auto"
    """How a replace meets a table: `swap` puts a new one in its place, `keep` only its rows, so
    that indexes, triggers and rules stay; `auto` swaps where nothing would be lost."""

    @classmethod
    def held_as(cls, field: pa.Field) -> tuple[pa.Field, str] | None:
        """Return the column that holds `field`; see `StoreConfig.held_as`."""
        from hygge.sql.lite.types import held_as

        return held_as(field)

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig:
        """Return the home that reads these tables."""
        from hygge.homes.sqlite import SqliteHomeConfig

        return self.read_by(SqliteHomeConfig)

    def refuse_name(self, into: str) -> str | None:
        """Return why no table can be called `into`; see `StoreConfig.refuse_name`."""
        return refuse_table(into) or refuse_name(into)

    def store(self, context: ProjectContext) -> Store:
        """Return the store; opens nothing."""
        from hygge.sql.lite.store import SqliteStore

        return SqliteStore(self, context, self.replace)

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return table `name` as a path below the file."""
        return self.tables(context, name)
