"""Tables, views and queries of a PostgreSQL server, read under one snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from hygge.connector import Ability, Home, ProjectContext
from hygge.sql.pg.settings import PgSettings
from hygge.sql.server import ServerHomeConfig
from hygge.sql.zones import Zone

if TYPE_CHECKING:
    import pyarrow as pa


class PostgresHomeConfig(PgSettings, ServerHomeConfig, type="postgres"):
    """Reads tables, views and queries of PostgreSQL, all splits under one snapshot."""

    can: ClassVar = frozenset(Ability) - {Ability.FILES}
    extra: ClassVar = "postgres"
    schemes: ClassVar = ("postgresql", "postgres")

    time_zone: Zone | None = None
    """The zone of the clocks that write times without one. Rows that are new by such a column then
    move at once; unless given, they wait for UTC or the server's zone, whichever is behind."""

    @classmethod
    def type_samples(cls) -> Mapping[str, pa.Field]:
        """Return how columns of PostgreSQL's types are read."""
        from hygge.sql.pg import types

        return {name: types.sample(name) for name in types.SAMPLES}

    def home(self, context: ProjectContext) -> Home:
        """Return the home; connects to nothing."""
        from hygge.sql.pg.home import PostgresHome

        return PostgresHome(self, self.time_zone)
