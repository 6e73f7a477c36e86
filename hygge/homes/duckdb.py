"""Tables, views and queries of a DuckDB file, streamed as Arrow from one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from hygge.connector import Ability, Home, HomeConfig, ProjectContext
from hygge.sql.duck.settings import DuckSettings

if TYPE_CHECKING:
    import pyarrow as pa


class DuckdbHomeConfig(DuckSettings, HomeConfig, type="duckdb"):
    """Reads tables, views and queries of a DuckDB file."""

    can: ClassVar = frozenset(Ability) - {Ability.FILES}
    extra: ClassVar = "duckdb"
    drivers: ClassVar = ("duckdb",)

    @classmethod
    def type_samples(cls) -> Mapping[str, pa.Field]:
        """Return how columns of DuckDB's types are read."""
        from hygge.sql.duck import types
        from hygge.sql.duck.instances import in_memory

        with in_memory() as cursor:
            return types.samples(cursor)

    def home(self, context: ProjectContext) -> Home:
        """Return the home; opens nothing."""
        from hygge.sql.duck.home import DuckdbHome

        return DuckdbHome(self, context)

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return table `name` as a path below the file."""
        return self.tables(context, name)
