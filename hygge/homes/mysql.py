"""Tables, views and queries of a MySQL or MariaDB server, read under one snapshot."""

from __future__ import annotations

from typing import ClassVar

from hygge.connector import Ability, Home, ProjectContext
from hygge.sql.maria.settings import MariaSettings
from hygge.sql.server import ServerHomeConfig
from hygge.sql.zones import Zone


class MysqlHomeConfig(MariaSettings, ServerHomeConfig, type="mysql"):
    """Reads tables, views and queries of MySQL and MariaDB, each under one snapshot.

    A large InnoDB table whose primary key begins with a whole number is read over several
    connections, with `parallel: 1` over one. They see the same rows because the table is locked for
    the few milliseconds in which they begin; the lock is waited for one second at most. That needs
    the right to LOCK TABLES; where it cannot be had, the log says why there is one connection.
    """

    can: ClassVar = frozenset({Ability.QUERY, Ability.WHERE})
    extra: ClassVar = "mysql"
    schemes: ClassVar = ("mysql", "mariadb")

    time_zone: Zone | None = None
    """The zone of the clocks that write times without one. Rows that are new by such a column then
    move at once; unless given, they wait for UTC or the server's zone, whichever is behind."""

    def home(self, context: ProjectContext) -> Home:
        """Return the home; connects to nothing."""
        from hygge.sql.maria.home import MysqlHome

        return MysqlHome(self, self.time_zone)
