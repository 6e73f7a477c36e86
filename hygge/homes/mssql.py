"""Tables, views and queries of SQL Server, read as of one instant where the database allows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from hygge.connector import Ability, Home, ProjectContext
from hygge.sql.server import ServerHomeConfig
from hygge.sql.tds.settings import TdsSettings

if TYPE_CHECKING:
    import pyarrow as pa


class MssqlHomeConfig(TdsSettings, ServerHomeConfig, type="mssql"):
    """Not yet tested against a server: reads tables, views and queries of SQL Server.

    It was built without one: its SQL is checked by a grammar, its types case by case, and what it
    calls of the driver is there. Try it on a copy before you rely on it.

    The driver needs libraries of the system: on Debian and Ubuntu `apt install libltdl7 libkrb5-3
    libgssapi-krb5-2`, on Red Hat and Fedora `dnf install libtool-ltdl krb5-libs`.

    Where the database has `ALLOW_SNAPSHOT_ISOLATION` on, an entity is read as of one instant; else
    under READ COMMITTED, and rows that others change meanwhile may be met twice or not at all.
    Sessions cannot share a snapshot, so an entity is read as one split. Times with a seventh digit
    of a second are refused, because the driver cuts it; `geography`, `geometry` and `sql_variant`
    are read as text where the flow says `type: string`. `idle_timeout` has no effect: connections
    end with their move.
    """

    can: ClassVar = frozenset({Ability.QUERY, Ability.WHERE})
    extra: ClassVar = "mssql"
    schemes: ClassVar = ("mssql", "sqlserver")

    @classmethod
    def type_samples(cls) -> Mapping[str, pa.Field]:
        """Return how columns of SQL Server's types are read."""
        from hygge.sql.tds import types

        return {name: types.sample(name) for name in types.SAMPLES}

    def home(self, context: ProjectContext) -> Home:
        """Return the home; connects to nothing."""
        from hygge.sql.tds.home import MssqlHome

        return MssqlHome(self)
