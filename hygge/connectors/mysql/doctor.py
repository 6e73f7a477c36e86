"""The checks of `hygge doctor` on a MySQL or MariaDB server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hygge.connector import Finding
from hygge.errors import StoreError

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

_CLOCK_SECONDS = 60
_NEEDED = ("CREATE", "ALTER", "DROP", "INSERT", "DELETE", "UPDATE", "SELECT")
_GRANT = f"GRANT {', '.join(_NEEDED)} ON {{}}.* TO …"
_TOKEN = re.compile(r"\\[%_]|.", re.DOTALL)
_WILD = {"%": ".*", "_": "."}
_SMALL_PACKET = 2**24
_OLDEST = {True: (10, 2), False: (5, 7)}
"""The oldest supported versions of MariaDB and MySQL."""


def examine_reading(run: Run, ssl_mode: str) -> Iterator[Finding]:
    """Yield findings for reading and writing: version, text, packets, clock, encryption."""
    version, user, database = run("SELECT version(), current_user(), database()")[0]
    is_maria = "maria" in version.lower()
    product = "" if is_maria else "MySQL "
    yield Finding(f"{product}{version}, user {user}, database {database}")
    number = tuple(int(part) for part in version.split("-")[0].split(".")[:2])
    if number < _OLDEST[is_maria]:
        oldest = ".".join(map(str, _OLDEST[is_maria]))
        yield Finding(
            f"version {version} is older than hygge supports",
            "warning",
            f"update the server to version {oldest} or newer",
        )
    yield _clock(run)
    yield _packets(run)
    yield _encryption(run, ssl_mode)


def _clock(run: Run) -> Finding:
    asked = datetime.now(UTC)
    server_time: datetime = run("SELECT utc_timestamp(6)")[0][0]
    difference = abs((server_time.replace(tzinfo=UTC) - asked).total_seconds())
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


def _packets(run: Run) -> Finding:
    size = int(run("SELECT @@max_allowed_packet")[0][0])
    text = f"maximum size of a row: {size / 2**20:,.0f} MiB (max_allowed_packet)"
    if size < _SMALL_PACKET:
        return Finding(text, "warning", "raise max_allowed_packet on the server, e.g. to 64M")
    return Finding(text)


def _encryption(run: Run, ssl_mode: str) -> Finding:
    rows = run("SHOW SESSION STATUS LIKE 'Ssl_version'")
    if rows and rows[0][1]:
        return Finding(f"the connection is encrypted ({rows[0][1]})")
    host = run("SELECT substring_index(user(), '@', -1)")[0][0]
    if host in ("localhost", "127.0.0.1", "::1"):
        return Finding("the connection is not encrypted, but does not leave this machine")
    return Finding(
        f"the connection is not encrypted (ssl: {ssl_mode}): traffic can be intercepted",
        "warning",
        "set ssl: verify-full",
    )


def examine_writing(run: Run, ssl_mode: str) -> Iterator[Finding]:
    """Yield findings for a store: how rows are loaded, and whether tables can be created."""
    yield from examine_reading(run, ssl_mode)
    if run("SELECT @@local_infile")[0][0]:
        yield Finding(
            "rows are loaded by LOAD DATA LOCAL, from memory: no file of this machine is read"
        )
    else:
        yield Finding(
            "the server does not allow LOAD DATA LOCAL, so rows are loaded by INSERT, at half the "
            "speed",
            "ok",
            "SET GLOBAL local_infile = 1  on the server",
        )
    engine = run("SELECT @@default_storage_engine")[0][0]
    if engine != "InnoDB":
        yield Finding(f"the default engine is {engine}; tables that hygge creates use InnoDB")
    yield _grants(run)


def examine_splitting(run: Run) -> Iterator[Finding]:
    """Yield findings on what prevents reading a large table over several connections."""
    if not {"ALL PRIVILEGES", "LOCK TABLES"} & _rights(run):
        yield Finding(
            "this user has no LOCK TABLES privilege, so large tables are read over one connection",
            "ok",
            "GRANT LOCK TABLES ON database.* TO …",
        )


def _rights(run: Run, database: str | None = None) -> set[str]:
    """Return this user's privileges in a database, or anywhere, in upper case."""
    found = [str(row[0]).partition(" ON ") for row in run("SHOW GRANTS")]
    grants = [what for what, _, rest in found if database is None or _covers(rest, database)]
    return {
        right.strip() for one in grants for right in one.upper().removeprefix("GRANT ").split(",")
    }


def _covers(scope: str, database: str) -> bool:
    """Return whether a grant on `scope`, such as a name pattern with %, covers a database.

    A role counts as covering: its privileges are known only where the server lists them.
    """
    name, mark, _ = scope.partition(".")
    if not mark or name == "*":
        return True
    tokens = _TOKEN.findall(name.strip("`").replace("``", "`").lower())
    pattern = "".join(_WILD.get(token, re.escape(token[-1])) for token in tokens)
    return re.fullmatch(pattern, database.lower()) is not None


def _grants(run: Run) -> Finding:
    missing = _missing(_rights(run))
    if missing:
        return Finding(
            f"this user has no privilege for {', '.join(missing)}",
            "error",
            _GRANT.format("database"),
        )
    return Finding("this user can create, fill and rename tables")


def _missing(rights: set[str]) -> list[str]:
    return [] if "ALL PRIVILEGES" in rights else [one for one in _NEEDED if one not in rights]


def check_rights(run: Run, database: str) -> None:
    """Raise `StoreError` unless this user can create, fill and rename tables of a database.

    A server may not list what a role allows; then only the statements themselves show it.
    """
    rights = _rights(run, database)
    missing = _missing(rights)
    if missing and not any("` TO " in one for one in rights):
        raise StoreError(
            f"cannot write tables of {database}: this user has no privilege for "
            f"{', '.join(missing)}",
            hint=_GRANT.format(database),
            code="HG516",
        )
