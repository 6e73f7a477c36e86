"""Tables, views and queries of a SQLite file, all read at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from hygge.connector import Ability, Home, HomeConfig, ProjectContext, Store, StoreConfig
from hygge.connectors.sql.file_database import FileSettings
from hygge.connectors.sql.store_options import ReplaceMethod
from hygge.connectors.sql.table_names import refuse_table
from hygge.values.model import Mode

if TYPE_CHECKING:
    import pyarrow as pa


def refuse_name(name: str) -> str | None:
    """Return what is wrong with the name of a table; None when nothing is."""
    if name.casefold().startswith("sqlite_"):
        return "names that begin with 'sqlite_' are reserved for SQLite's own tables"
    return None


class SqliteHomeConfig(FileSettings, HomeConfig, type="sqlite"):
    """Reads tables, views and queries of a SQLite file, their types by declaration."""

    can: ClassVar = frozenset({Ability.QUERY, Ability.WHERE, Ability.SNAPSHOT})
    extra: ClassVar = "sqlite"
    drivers: ClassVar = ("adbc_driver_sqlite",)

    @classmethod
    def type_samples(cls) -> Mapping[str, pa.Field]:
        """Return how columns of SQLite's types are read."""
        from hygge.connectors.sqlite import types

        return {name: types.sample(name) for name in types.SAMPLES}

    def home(self, context: ProjectContext) -> Home:
        """Return the home; opens nothing."""
        from hygge.connectors.sqlite.home import SqliteHome

        return SqliteHome(self, context)

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return table `name` as a path below the file."""
        return self.tables(context, name)


class SqliteStoreConfig(FileSettings, StoreConfig, type="sqlite"):
    """Writes tables of a SQLite file, each published in one transaction."""

    extra: ClassVar = "sqlite"
    modes: ClassVar = frozenset(Mode)
    answers_sql: ClassVar = True
    drivers: ClassVar = ("adbc_driver_sqlite",)

    replace: ReplaceMethod = "auto"
    """How a replace writes: `swap` creates a new table, `keep` replaces only the rows and keeps
    indexes, triggers and rules; `auto` swaps if nothing would be lost."""

    @classmethod
    def held_as(cls, field: pa.Field) -> tuple[pa.Field, str] | None:
        """Return the column that holds `field`; see `StoreConfig.held_as`."""
        from hygge.connectors.sqlite.types import held_as

        return held_as(field)

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig:
        """Return the home that reads these tables."""
        from hygge.connectors.sqlite.config import SqliteHomeConfig

        return self.read_by(SqliteHomeConfig)

    def refuse_name(self, into: str) -> str | None:
        """Return why no table can be called `into`; see `StoreConfig.refuse_name`."""
        return refuse_table(into) or refuse_name(into)

    def store(self, context: ProjectContext) -> Store:
        """Return the store; opens nothing."""
        from hygge.connectors.sqlite.store import SqliteStore

        return SqliteStore(self, context, self.replace)

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return table `name` as a path below the file."""
        return self.tables(context, name)
