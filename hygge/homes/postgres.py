"""Tables, views and queries of a PostgreSQL server, read under one snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from hygge.connector import Ability, Home, ProjectContext
from hygge.sql.pg.settings import PgSettings
from hygge.sql.server import ServerHomeConfig

if TYPE_CHECKING:
    import pyarrow as pa


class PostgresHomeConfig(PgSettings, ServerHomeConfig, type="postgres"):
    """Reads tables, views and queries of PostgreSQL, all splits under one snapshot."""

    can: ClassVar = frozenset(Ability) - {Ability.FILES}
    extra: ClassVar = "postgres"
    schemes: ClassVar = ("postgresql", "postgres")

    @classmethod
    def type_samples(cls) -> Mapping[str, pa.Field]:
        """Return how columns of PostgreSQL's types are read."""
        from hygge.sql.pg import types

        return {name: types.sample(name) for name in types.SAMPLES}

    def home(self, context: ProjectContext) -> Home:
        """Return the home; connects to nothing."""
        from hygge.sql.pg.home import PostgresHome

        return PostgresHome(self)
