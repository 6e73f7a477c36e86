"""Who may come into a SQL Server, and how: what its home and store say alike."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from hygge.sql.names import readings
from hygge.sql.server import ServerSettings
from hygge.sql.silence import KEEPALIVE_IDLE, KEEPALIVE_INTERVAL

_BRACED = frozenset("[]{}(),;?*=!@ ")


class TdsSettings(ServerSettings):
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
    """Whether the connection is encrypted; it is by default, for this machine only at the login."""
    trust_server_certificate: bool | None = None
    """Whether to believe the server without a check of its certificate: then anybody on the way
    could pass for it. Only for this machine by default."""
    authentication: Annotated[str, Field(min_length=1)] | None = None
    """How to come in without a password, e.g. `ActiveDirectoryDefault` or
    `ActiveDirectoryManagedIdentity`."""
    schema_: Annotated[str | None, Field(alias="schema", min_length=1)] = None
    """The schema of tables whose name has none; the user's own by default, mostly `dbo`."""

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
