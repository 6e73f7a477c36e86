"""Tables, views and queries of a MySQL or MariaDB server, read under one snapshot."""

from __future__ import annotations

from typing import ClassVar

from hygge.connector import Ability, Home, ProjectContext
from hygge.sql.maria.settings import MariaSettings
from hygge.sql.server import ServerHomeConfig


class MysqlHomeConfig(MariaSettings, ServerHomeConfig, type="mysql"):
    """Reads tables, views and queries of MySQL and MariaDB, each under one snapshot."""

    can: ClassVar = frozenset({Ability.QUERY, Ability.WHERE})
    extra: ClassVar = "mysql"
    schemes: ClassVar = ("mysql", "mariadb")

    def home(self, context: ProjectContext) -> Home:
        """Return the home; connects to nothing."""
        from hygge.sql.maria.home import MysqlHome

        return MysqlHome(self)
