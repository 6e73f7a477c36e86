"""What homes and stores of DuckDB say alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from hygge.connector import Ability, Home, HomeConfig, ProjectContext, Store, StoreConfig
from hygge.connectors.sql.file_database import FileSettings, check_file
from hygge.connectors.sql.store_options import ReplaceMethod
from hygge.connectors.sql.table_names import readings, refuse_table
from hygge.errors import HyggeError
from hygge.settings.move import Bytes
from hygge.values.model import Mode

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.duckdb.faults import Rows


class DuckdbSettings(FileSettings):
    """What homes and stores of DuckDB say alike."""

    aliases: ClassVar = ("duck", "duck_db", "motherduck")

    memory_limit: Bytes = 256 * 10**6
    """Maximum memory of DuckDB for this file, for all moves together; beyond it DuckDB uses the
    disk."""

    @contextmanager
    def connected(
        self, context: ProjectContext, side: type[HyggeError], what: str, *, writes: bool
    ) -> Iterator[Rows]:
        """Yield a runner of statements on a cursor of the file; raises `side`."""
        from hygge.connectors.duckdb.faults import Rows
        from hygge.connectors.duckdb.instances import instance

        file, seconds = self.file(context), self.busy_timeout
        check_file(file, side, makes=writes)
        with instance(
            file, side, what, writes=writes, seconds=seconds, memory=self.memory_limit
        ) as (cursor, listing):
            yield Rows(cursor, side, what, listing)


class DuckdbHomeConfig(DuckdbSettings, HomeConfig, type="duckdb"):
    """Reads tables, views and queries of a DuckDB file."""

    can: ClassVar = frozenset({Ability.QUERY, Ability.WHERE, Ability.SNAPSHOT})
    extra: ClassVar = "duckdb"
    drivers: ClassVar = ("duckdb",)

    @classmethod
    def type_samples(cls) -> Mapping[str, pa.Field]:
        """Return how columns of DuckDB's types are read."""
        from hygge.connectors.duckdb import types
        from hygge.connectors.duckdb.instances import in_memory

        with in_memory() as cursor:
            return types.samples(cursor)

    def home(self, context: ProjectContext) -> Home:
        """Return the home; opens nothing."""
        from hygge.connectors.duckdb.home import DuckdbHome

        return DuckdbHome(self, context)

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return table `name` as a path below the file."""
        return self.tables(context, name)


class DuckdbStoreConfig(DuckdbSettings, StoreConfig, type="duckdb"):
    """Writes tables of a DuckDB file, each published in one transaction."""

    extra: ClassVar = "duckdb"
    modes: ClassVar = frozenset(Mode)
    answers_sql: ClassVar = True
    drivers: ClassVar = ("duckdb",)

    replace: ReplaceMethod = "auto"
    """How a replace writes: `swap` creates a new table, `keep` replaces only the rows and keeps
    indexes, defaults and keys; `auto` swaps if nothing would be lost."""

    @classmethod
    def held_as(cls, field: pa.Field) -> tuple[pa.Field, str] | None:
        """Return the column that holds `field`; see `StoreConfig.held_as`."""
        from hygge.connectors.duckdb import types
        from hygge.connectors.duckdb.instances import in_memory

        with in_memory() as cursor:
            return types.held_as(cursor, field)

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig:
        """Return the home that reads these tables."""
        from hygge.connectors.duckdb.config import DuckdbHomeConfig

        return self.read_by(DuckdbHomeConfig)

    def refuse_name(self, into: str) -> str | None:
        """Return why no table can be called `into`; see `StoreConfig.refuse_name`."""
        return refuse_table(readings(into, "")[0].name)

    def store(self, context: ProjectContext) -> Store:
        """Return the store; opens nothing."""
        from hygge.connectors.duckdb.store import DuckdbStore

        return DuckdbStore(self, context, self.replace)

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return table `name` as a path below the file."""
        return self.tables(context, name)
