"""The checks of `hygge doctor` on a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hygge.connector import Finding

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

_OLDEST = 120000
_CLOCK_SECONDS = 60
_UNREADABLE = """
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
  AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))
ORDER BY 1
"""
_MOST_NAMES = 5


def examine_server(run: Run) -> Iterator[Finding]:
    """Yield findings for reading and writing: version, encryption, encoding, clock."""
    version, number, encoding, user, database = run(
        "SELECT current_setting('server_version'), current_setting('server_version_num')::int, "
        "current_setting('server_encoding'), current_user, current_database()"
    )[0]
    yield Finding(f"PostgreSQL {version}, user {user}, database {database}")
    if number < _OLDEST:
        yield Finding(
            f"version {version} is older than hygge is tested with",
            "warning",
            "update the server to version 12 or newer",
        )
    if encoding != "UTF8":
        yield Finding(
            f"the encoding of the database is {encoding}, not UTF8: it cannot store all text",
            "warning",
            "create a database with  ENCODING 'UTF8'",
        )
    yield Finding("sessions use UTC, whatever the time zone of the server")
    yield _clock(run)
    yield _encryption(run)


def _clock(run: Run) -> Finding:
    asked = datetime.now(UTC)
    server_time: datetime = run("SELECT clock_timestamp()")[0][0]
    difference = abs((server_time - asked).total_seconds())
    if difference > _CLOCK_SECONDS:
        return Finding(
            f"the clock of the server differs from that of this machine by {difference:,.0f} s",
            "warning",
            "set both by NTP; times that hygge writes are this machine's",
        )
    return Finding(
        "the clock of the server agrees with that of this machine within "
        f"{max(difference, 0.1):.1f} s"
    )


def _encryption(run: Run) -> Finding:
    rows = run(
        "SELECT s.ssl, s.version, a.client_addr IS NULL OR a.client_addr <<= '127.0.0.0/8' OR "
        "a.client_addr = '::1' FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) "
        "WHERE s.pid = pg_backend_pid()"
    )
    is_secured, version, is_local = rows[0] if rows else (False, None, False)
    if is_secured:
        return Finding(f"the connection is encrypted ({version})")
    if is_local:
        return Finding("the connection is not encrypted, but does not leave this machine")
    return Finding(
        "the connection is not encrypted: traffic can be intercepted",
        "warning",
        "set sslmode: verify-full",
    )


def examine_reading(run: Run) -> Iterator[Finding]:
    """Yield findings for a home: also the tables that this user may not read."""
    yield from examine_server(run)
    names = [name for (name,) in run(_UNREADABLE)]
    if names:
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        yield Finding(
            f"this user may not read {', '.join(names[:_MOST_NAMES])}{more}",
            "warning",
            "GRANT USAGE ON SCHEMA … TO …; GRANT SELECT ON ALL TABLES IN SCHEMA … TO …",
        )
    else:
        yield Finding("this user may read every table")


def examine_writing(run: Run, schema: str) -> Iterator[Finding]:
    """Yield findings for a store: whether tables can be created in its schema."""
    yield from examine_server(run)
    rows = run(
        "SELECT has_schema_privilege(oid, 'USAGE'), has_schema_privilege(oid, 'CREATE') "
        "FROM pg_namespace WHERE nspname = $1",
        (schema,),
    )
    if not rows:
        may = run("SELECT has_database_privilege(current_database(), 'CREATE')")[0][0]
        level, hint = ("ok", None) if may else ("error", f'CREATE SCHEMA "{schema}"')
        yield Finding(f"there is no schema {schema} yet; the first move creates it", level, hint)  # type: ignore[arg-type]
    elif all(rows[0]):
        yield Finding(f"this user can create tables in schema {schema}")
    else:
        yield Finding(
            f"this user cannot create tables in schema {schema}",
            "error",
            f'GRANT USAGE, CREATE ON SCHEMA "{schema}" TO …',
        )
