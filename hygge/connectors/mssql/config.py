"""Who may come into a SQL Server, and how: what its home and store say alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from hygge.connector import Ability, Home, ProjectContext, Store
from hygge.connectors.sql.read_timeout import KEEPALIVE_IDLE, KEEPALIVE_INTERVAL
from hygge.connectors.sql.server_config import ServerHomeConfig, ServerSettings, ServerStoreConfig
from hygge.connectors.sql.store_options import ReplaceMethod
from hygge.connectors.sql.table_names import readings, refuse_table

if TYPE_CHECKING:
    import pyarrow as pa

_BRACED = frozenset("[]{}(),;?*=!@ ")


_LONGEST_NAME = 128


def refuse_name(name: str) -> str | None:
    """Return what is wrong with the name of a table or column; None when nothing is."""
    if len(name.encode("utf-16-le")) > 2 * _LONGEST_NAME:
        return f"it is longer than the {_LONGEST_NAME} characters that a name may have"
    return None


class MssqlSettings(ServerSettings):
    """What homes and stores of SQL Server say alike."""

    default_port: ClassVar = 1433
    aliases: ClassVar = ("sqlserver", "sql_server", "sql-server", "azuresql", "tsql", "synapse")
    libraries: ClassVar = {
        "libltdl.so.7": "libltdl7",
        "libkrb5.so.3": "libkrb5-3",
        "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    }
    drivers: ClassVar = ("mssql_python",)

    encrypt: bool | None = None
    """Whether the connection is encrypted. The default is true, for this machine only at login."""
    trust_server_certificate: bool | None = None
    """Whether to trust the server without checking its certificate, which makes man-in-the-middle
    attacks possible. The default is true only for this machine."""
    authentication: Annotated[str, Field(min_length=1)] | None = None
    """Login without a password, such as `ActiveDirectoryDefault` or
    `ActiveDirectoryManagedIdentity`."""
    schema_: Annotated[str | None, Field(alias="schema", min_length=1)] = None
    """Schema of tables without one in their name; by default that of the user, usually `dbo`."""

    def connection(self) -> str:
        """Return the connection string, with the password. Never for people's eyes."""
        endpoint = self.endpoint()
        is_safe = not endpoint.is_local
        encrypts = is_safe if self.encrypt is None else self.encrypt
        trusts = self.trust_server_certificate
        trusts = not is_safe if trusts is None else trusts
        said = {
            "Server": f"{endpoint.host or 'localhost'},{endpoint.port}",
            "Database": endpoint.database,
            "UID": endpoint.user,
            "PWD": endpoint.password,
            "Authentication": self.authentication,
            "Encrypt": "yes" if encrypts else "no",
            "TrustServerCertificate": "yes" if trusts else "no",
            "ConnectRetryCount": "0",
            "KeepAlive": str(KEEPALIVE_IDLE),
            "KeepAliveInterval": str(KEEPALIVE_INTERVAL),
            **endpoint.options,
        }
        if endpoint.user is None and self.authentication is None:
            said["Trusted_Connection"] = "yes"
        parts = [f"{key}={braced(value)}" for key, value in said.items() if value is not None]
        return ";".join(parts) + ";"

    def urls(self, name: str) -> list[str]:
        """Return the tables that `name` may mean; see `ServerSettings.urls`."""
        endpoint = self.endpoint()
        server = f"{endpoint.host or 'localhost'}:{endpoint.port}/{endpoint.database or ''}"
        found = readings(name, self.schema_ or "dbo")
        return [f"sqlserver://{server}/{table.schema}/{table.name}".lower() for table in found]


def braced(value: str) -> str:
    """Return a value as a connection string holds it."""
    return "{" + value.replace("}", "}}") + "}" if _BRACED & set(value) or not value else value


class MssqlHomeConfig(MssqlSettings, ServerHomeConfig, type="mssql"):
    """Not tested against a server yet: reads tables, views and queries of SQL Server.

    It was built without one: its SQL is checked by a grammar, its types case by case, and what it
    calls of the driver is there. Try it on a copy before you rely on it.

    The driver needs libraries of the system: on Debian and Ubuntu `apt install libltdl7 libkrb5-3
    libgssapi-krb5-2`, on Red Hat and Fedora `dnf install libtool-ltdl krb5-libs`.

    With `ALLOW_SNAPSHOT_ISOLATION` an entity is read from a consistent snapshot. Otherwise, under
    READ COMMITTED, rows that others change meanwhile may be read twice or not at all.
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
        from hygge.connectors.mssql import types

        return {name: types.sample(name) for name in types.SAMPLES}

    def home(self, context: ProjectContext) -> Home:
        """Return the home; connects to nothing."""
        from hygge.connectors.mssql.home import MssqlHome

        return MssqlHome(self)


class MssqlStoreConfig(MssqlSettings, ServerStoreConfig, type="mssql"):
    """Not tested against a server yet: writes tables of SQL Server by bulk copy.

    It was built without one: its SQL is checked by a grammar, its types case by case, and what it
    calls of the driver is there. Try it on a copy before you rely on it.

    The driver needs libraries of the system: on Debian and Ubuntu `apt install libltdl7 libkrb5-3
    libgssapi-krb5-2`, on Red Hat and Fedora `dnf install libtool-ltdl krb5-libs`.

    Each table is published in one short transaction. Readers wait for it, except if
    `READ_COMMITTED_SNAPSHOT` of the database is on; other writers wait, except for an append. NaN,
    infinity, times finer than 100 nanoseconds and values that a column would truncate or round are
    errors. A merge compares keys character by character, whatever the collation. In tables that
    hygge creates, a text key has no index: for large merges create the table first, with
    `nvarchar(n)`. Changes made by an SQL check are rolled back. `idle_timeout` has no effect:
    connections end with their move.
    """

    extra: ClassVar = "mssql"
    schemes: ClassVar = ("mssql", "sqlserver")

    replace: ReplaceMethod = "auto"
    """How a replace writes: `swap` creates a new table, `keep` replaces only the rows and keeps
    grants, views and indexes; `auto` swaps if nothing would be lost."""

    @classmethod
    def held_as(cls, field: pa.Field) -> tuple[pa.Field, str] | None:
        """Return the column that holds `field`; see `StoreConfig.held_as`."""
        from hygge.connectors.mssql.types import held_as

        return held_as(field)

    def refuse_name(self, into: str) -> str | None:
        """Return why no table can be called `into`; see `StoreConfig.refuse_name`."""
        name = readings(into, "")[0].name
        return refuse_table(name) or refuse_name(name)

    def store(self, context: ProjectContext) -> Store:
        """Return the store; connects to nothing."""
        from hygge.connectors.mssql.store import MssqlStore

        return MssqlStore(self, self.replace)
