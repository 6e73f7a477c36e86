"""Who may come into a PostgreSQL server, and how: what its home and store say alike."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from hygge.connector import Ability, Home, ProjectContext, Store
from hygge.connectors.sql.read_timeout import (
    KEEPALIVE_COUNT,
    KEEPALIVE_IDLE,
    KEEPALIVE_INTERVAL,
    UNACKNOWLEDGED,
)
from hygge.connectors.sql.server_config import ServerHomeConfig, ServerSettings, ServerStoreConfig
from hygge.connectors.sql.store_options import ReplaceMethod
from hygge.connectors.sql.table_names import quote, readings, refuse_table
from hygge.connectors.sql.zones import Zone
from hygge.runtime.processes import label
from hygge.settings.move import Seconds

if TYPE_CHECKING:
    import pyarrow as pa

LOCK_SECONDS = 30
"""How long a statement may wait for a lock of another session."""
_VALUES = {
    "TimeZone": "UTC",
    "IntervalStyle": "iso_8601",
    "DateStyle": "ISO, YMD",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "off",
    "default_transaction_isolation": "read committed",
}
"""What every session sets and reads back, so that a value has one text, and a statement one
meaning, whatever the server, the role or a pooler has set."""
_WAITS = {
    "statement_timeout": "0",
    "lock_timeout": f"{LOCK_SECONDS}s",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}
"""How long things may take: as long as `options` of the url says, then as this does."""
_WATCH = {
    "client_connection_check_interval": "5s",
    "tcp_keepalives_idle": str(KEEPALIVE_IDLE),
    "tcp_keepalives_interval": str(KEEPALIVE_INTERVAL),
    "tcp_keepalives_count": str(KEEPALIVE_COUNT),
    "tcp_user_timeout": f"{UNACKNOWLEDGED}s",
}
"""By these the server ends a session, and frees its locks, soon after its client has gone."""
_NAMED = re.compile(r"(?:-c\s*|--)([\w.-]+)\s*=")


LONGEST_NAME = 63


def refuse_name(name: str) -> str | None:
    """Return what is wrong with the name of a table or column; None when nothing is."""
    if len(name.encode()) > LONGEST_NAME:
        return f"it is longer than the {LONGEST_NAME} bytes that a name may have"
    return None


class PostgresSettings(ServerSettings):
    """What homes and stores of PostgreSQL say alike."""

    schemes: ClassVar[tuple[str, ...]] = ("postgresql",)
    default_port: ClassVar = 5432
    aliases: ClassVar = ("postgresql", "pg", "pgsql", "psql", "redshift", "cockroachdb")
    drivers: ClassVar = ("adbc_driver_postgresql", "psycopg")

    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = (
        None
    )
    """TLS mode of the connection. The default is `verify-full`, for this machine `prefer`."""
    sslrootcert: str | None = None
    """File of the trusted certificate authorities; by default those of the system."""

    schema_: Annotated[str | None, Field(alias="schema", min_length=1)] = None
    """Schema of tables without one in their name, also in queries; by default that of the user."""
    read_timeout: Seconds = 60.0
    """Maximum time without data while a response is expected. hygge then asks the server over
    another connection whether the statement is running. If it is, hygge keeps waiting; otherwise it
    closes the connection and retries the move."""
    row_security: Literal["refuse", "apply"] = "refuse"
    """If row-level security hides rows from this user: `refuse`, or `apply` it and move only the
    visible rows."""

    def conninfo(self, mark: int = UNACKNOWLEDGED * 1000, *, said: str = "") -> str:
        """Return the connection string of libpq, with the password. Never for people's eyes.

        `mark` is the TCP_USER_TIMEOUT in milliseconds; `said` are more `options` for the server.
        """
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
            "application_name": application_name(),
            "keepalives_idle": KEEPALIVE_IDLE,
            "keepalives_interval": KEEPALIVE_INTERVAL,
            "keepalives_count": KEEPALIVE_COUNT,
            "tcp_user_timeout": mark,
        }
        if said:
            options["options"] = f"{options.get('options', '')} {said}".strip()
        given = {key: value for key, value in known.items() if value is not None}
        return make_conninfo("", **{**given, **options})

    def urls(self, name: str) -> list[str]:
        """Return the tables that `name` may mean; see `ServerSettings.urls`."""
        endpoint = self.endpoint()
        server = f"{endpoint.host or 'localhost'}:{endpoint.port}/{endpoint.database or ''}"
        found = readings(name, self.schema_ or "public")
        return [f"postgresql://{server}/{table.schema}/{table.name}" for table in found]

    def session(self) -> Mapping[str, str]:
        """Return the settings that every session must have; the server may lack some of them."""
        own = set(_NAMED.findall(self.endpoint().options.get("options", "")))
        session = {**_VALUES, "row_security": "on" if self.row_security == "apply" else "off"}
        waits = dict(_WAITS)
        if self.statement_timeout is not None:
            session["statement_timeout"] = f"{round(self.statement_timeout * 1000)}ms"
            del waits["statement_timeout"]
        if self.schema_ is not None:
            session["search_path"] = f"{quote(self.schema_)}, public"
        return session | {key: value for key, value in waits.items() if key not in own} | _WATCH


def application_name(run_id: str = "-") -> str:
    """Return what a session calls itself: the run, and the process by which it is known to live."""
    return f"hygge {run_id} {label()}"


def _authorities() -> str:
    """Return the file with the system's authorities: libpq in a wheel looks elsewhere for it."""
    import ssl

    paths = ssl.get_default_verify_paths()
    found = (paths.cafile, paths.openssl_cafile, "/etc/ssl/certs/ca-certificates.crt")
    return next((path for path in found if path and os.path.exists(path)), "system")  # noqa: PTH110


class PostgresHomeConfig(PostgresSettings, ServerHomeConfig, type="postgres"):
    """Reads tables, views and queries of PostgreSQL, all splits under one snapshot."""

    can: ClassVar = frozenset({Ability.QUERY, Ability.WHERE, Ability.SNAPSHOT})
    reads_elsewhere: ClassVar = True
    extra: ClassVar = "postgres"
    schemes: ClassVar = ("postgresql", "postgres")

    time_zone: Zone | None = None
    """Time zone of timestamps without one. With it, new rows by such a watermark column are moved
    at once; without it, they wait for UTC or the time zone of the server, whichever is later."""

    @classmethod
    def type_samples(cls) -> Mapping[str, pa.Field]:
        """Return how columns of PostgreSQL's types are read."""
        from hygge.connectors.postgres import types

        return {name: types.sample(name) for name in types.SAMPLES}

    def home(self, context: ProjectContext) -> Home:
        """Return the home; connects to nothing."""
        from hygge.connectors.postgres.home import PostgresHome

        return PostgresHome(self, self.time_zone)


class PostgresStoreConfig(PostgresSettings, ServerStoreConfig, type="postgres"):
    """Writes tables of PostgreSQL by COPY, each published in one short transaction."""

    extra: ClassVar = "postgres"
    schemes: ClassVar = ("postgresql", "postgres")

    replace: ReplaceMethod = "auto"
    """How a replace writes: `swap` creates a new table, `keep` replaces only the rows and keeps
    grants, views and indexes; `auto` swaps if nothing would be lost."""

    @classmethod
    def held_as(cls, field: pa.Field) -> tuple[pa.Field, str] | None:
        """Return the column that holds `field`; see `StoreConfig.held_as`."""
        from hygge.connectors.postgres.types import held_as

        return held_as(field)

    def refuse_name(self, into: str) -> str | None:
        """Return why no table can be called `into`; see `StoreConfig.refuse_name`."""
        name = readings(into, "")[0].name
        return refuse_table(name) or refuse_name(name)

    def store(self, context: ProjectContext) -> Store:
        """Return the store; connects to nothing."""
        from hygge.connectors.postgres.store import PostgresStore

        return PostgresStore(self, self.replace)
