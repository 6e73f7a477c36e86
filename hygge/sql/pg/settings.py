"""Who may come into a PostgreSQL server, and how: what its home and store say alike."""

from __future__ import annotations

import os
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hygge.sql.names import quote, readings
from hygge.sql.server import ServerSettings

_SESSION = {
    "TimeZone": "UTC",
    "IntervalStyle": "iso_8601",
    "DateStyle": "ISO,YMD",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}
"""What every session sets, so that a value has one text whatever the server's own settings."""


class PgSettings(ServerSettings):
    """What homes and stores of PostgreSQL say alike."""

    schemes: ClassVar[tuple[str, ...]] = ("postgresql",)
    default_port: ClassVar = 5432
    drivers: ClassVar = ("adbc_driver_postgresql", "psycopg")

    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = (
        None
    )
    """How far the connection is secured. `verify-full` by default, `prefer` for this machine."""
    sslrootcert: str | None = None
    """File with the certificates of those who may vouch for the server; the system's by default."""

    schema_: Annotated[str | None, Field(alias="schema", min_length=1)] = None
    """The schema of tables whose name has none, also in queries; the user's own by default."""

    def conninfo(self) -> str:
        """Return what libpq wants to know, with the password. Never for people's eyes."""
        from psycopg.conninfo import make_conninfo

        endpoint = self.endpoint()
        options = dict(endpoint.options)
        mode = self.sslmode or options.pop("sslmode", None)
        mode = mode or ("prefer" if endpoint.is_local else "verify-full")
        known: dict[str, str | int | None] = {
            "host": endpoint.host or "localhost",
            "port": endpoint.port,
            "dbname": endpoint.database,
            "user": endpoint.user,
            "password": endpoint.password,
            "sslmode": mode,
            "sslrootcert": self.sslrootcert or (_authorities() if mode[:6] == "verify" else None),
            "connect_timeout": max(round(self.connect_timeout), 2),
            "client_encoding": "UTF8",
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 60_000,
            "options": self._session(options.pop("options", "")),
        }
        said = {key: value for key, value in known.items() if value is not None}
        return make_conninfo("", **said, **options)

    def urls(self, name: str) -> list[str]:
        """Return the tables that `name` may mean; see `ServerSettings.urls`."""
        endpoint = self.endpoint()
        server = f"{endpoint.host or 'localhost'}:{endpoint.port}/{endpoint.database or ''}"
        found = readings(name, self.schema_ or "public")
        return [f"postgresql://{server}/{table.schema}/{table.name}" for table in found]

    def _session(self, own: str) -> str:
        session = dict(_SESSION)
        if self.statement_timeout is not None:
            session["statement_timeout"] = f"{round(self.statement_timeout * 1000)}"
        if self.schema_ is not None:
            session["search_path"] = f"{quote(self.schema_)},public"
        settings = [f"-c {key}={_escaped(value)}" for key, value in session.items()]
        return " ".join([*settings, own] if own else settings)


def _escaped(value: str) -> str:
    """Return a value for libpq's `options`, where a blank ends it and a backslash escapes."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _authorities() -> str:
    """Return the file with the system's authorities: libpq in a wheel looks elsewhere for it."""
    import ssl

    paths = ssl.get_default_verify_paths()
    found = (paths.cafile, paths.openssl_cafile, "/etc/ssl/certs/ca-certificates.crt")
    return next((path for path in found if path and os.path.exists(path)), "system")  # noqa: PTH110
