"""Tables of a DuckDB file, published in one transaction with the commit's own row."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hygge.connector import HomeConfig, ProjectContext, Store, StoreConfig
from hygge.model import Mode
from hygge.sql.duck.settings import DuckSettings
from hygge.sql.names import readings, refuse_table
from hygge.sql.replacing import Replacing

if TYPE_CHECKING:
    import pyarrow as pa


class DuckdbStoreConfig(DuckSettings, StoreConfig, type="duckdb"):
    """Writes tables of a DuckDB file, each published in one transaction."""

    extra: ClassVar = "duckdb"
    modes: ClassVar = frozenset(Mode)
    answers_sql: ClassVar = True
    drivers: ClassVar = ("duckdb",)

    replace: Replacing = "auto"
    """How a replace meets a table: `swap` puts a new one in its place, `keep` only its rows, so
    that indexes, defaults and keys stay; `auto` swaps where nothing would be lost."""

    @classmethod
    def held_as(cls, field: pa.Field) -> tuple[pa.Field, str] | None:
        """Return the column that holds `field`; see `StoreConfig.held_as`."""
        from hygge.sql.duck import types
        from hygge.sql.duck.instances import in_memory

        with in_memory() as cursor:
            return types.held_as(cursor, field)

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig:
        """Return the home that reads these tables."""
        from hygge.homes.duckdb import DuckdbHomeConfig

        return self.read_by(DuckdbHomeConfig)

    def refuse_name(self, into: str) -> str | None:
        """Return why no table can be called `into`; see `StoreConfig.refuse_name`."""
        return refuse_table(readings(into, "")[0].name)

    def store(self, context: ProjectContext) -> Store:
        """Return the store; opens nothing."""
        from hygge.sql.duck.store import DuckdbStore

        return DuckdbStore(self, context, self.replace)

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return table `name` as a path below the file."""
        return self.tables(context, name)
