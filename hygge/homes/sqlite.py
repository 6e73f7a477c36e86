"""Tables, views and queries of a SQLite file, all read at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from hygge.connector import Ability, Home, HomeConfig, ProjectContext
from hygge.sql.embedded import FileSettings

if TYPE_CHECKING:
    import pyarrow as pa


class SqliteHomeConfig(FileSettings, HomeConfig, type="sqlite"):
    """Reads tables, views and queries of a SQLite file, their types by declaration."""

    can: ClassVar = frozenset(Ability) - {Ability.FILES}
    extra: ClassVar = "sqlite"
    drivers: ClassVar = ("adbc_driver_sqlite",)

    @classmethod
    def type_samples(cls) -> Mapping[str, pa.Field]:
        """Return how columns of SQLite's types are read."""
        from hygge.sql.lite import types

        return {name: types.sample(name) for name in types.SAMPLES}

    def home(self, context: ProjectContext) -> Home:
        """Return the home; opens nothing."""
        from hygge.sql.lite.home import SqliteHome

        return SqliteHome(self, context)

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return table `name` as a path below the file."""
        return self.tables(context, name)
