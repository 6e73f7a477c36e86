"""Errors of the server: their message, a hint, and whether a retry may help.

Codes: https://mariadb.com/kb/en/mariadb-error-code-reference/, the same in MySQL.
"""

from __future__ import annotations

from hygge.errors import HomeError, HyggeError

_PASSING = frozenset(
    {
        1040,  # too many connections
        1047,  # a cluster node that is not ready
        1053,  # shutting down
        1077,  # shut down
        1078,
        1079,
        1080,  # connection killed by the server
        1135,  # out of threads
        1152,  # aborted connection
        1156,  # packets out of order
        1158,  # network errors
        1159,
        1160,
        1161,
        1184,  # aborted connection
        1203,  # too many connections of this user
        1205,  # lock wait timeout
        1213,  # deadlock
        1317,  # interrupted
        1412,  # table definition changed since the snapshot
        1226,  # too many queries in this hour
        1637,  # too many transactions
        1835,  # malformed packet
        1836,  # read-only: a server during failover
        1927,  # connection killed
        2002,  # cannot connect to the socket
        2003,  # cannot connect to the address
        2006,  # gone
        2012,  # the handshake failed
        2013,  # lost
        2014,  # answers out of order
        2027,  # malformed packet
        2055,
        3032,  # offline for now
        3168,  # not available
        3169,  # session killed
        3572,  # lock not granted with NOWAIT
        4031,  # idle timeout
        9001,  # no server behind a proxy
        9002,
    }
)
_FULL = frozenset({1040, 1203, 1226})
LOCKED = frozenset({1205, 3572})
MALFORMED = 2027
_UNSTAGED = "_hygge_stg_"
_GONE = 1146
_NO_CONNECTIONS = (
    "the server has no free connections: lower max_connections here, or raise it there (a move "
    "needs one connection to its home and two to its store)"
)
_ACCESS = {
    1045: "check user and password, and that this user may log in from this machine",
    1049: "check the name of the database, or create it:  CREATE DATABASE …",
    1130: "the server allows no logins from this machine: run there  CREATE USER 'name'@'this "
    "machine'",
    1251: "the server requires an authentication method that this driver does not support",
    1698: "this user can log in only by the operating system: set a password on the server",
    2002: "check that the server runs and that `host` is its socket",
    2003: "check host and port, that the server runs, and that no firewall blocks it",
    2005: "check host; a password in a url needs @ : / # written as %40 %3A %2F %23",
    2026: "set ssl_ca to the file of the certificate authority; ssl: require skips the check, "
    "which makes man-in-the-middle attacks possible",
    1040: _NO_CONNECTIONS,
    1203: _NO_CONNECTIONS,
    1129: "the server blocks this machine after failed logins: run  mariadb-admin flush-hosts  (or "
    "mysqladmin)  there",
}
_READ = "grant this user SELECT on the table, or on its database"
_WRITE = (
    "grant this user CREATE, ALTER, DROP, INSERT, DELETE, UPDATE and SELECT on the database: rows "
    "are staged in a table next to the target"
)
_HINTS = {
    1153: "raise max_allowed_packet on the server: a row is larger than it",
    1205: "end the session that holds the lock, or wait for it, then run again",
    3572: "end the session that holds the lock, or wait for it, then run again",
    1226: "this user has reached a resource limit of the server: lower max_connections here, or "
    "raise the limit there (ALTER USER … WITH …)",
    1290: "the server is read-only, as a replica is: write to the primary server",
    1836: "the server is read-only, as a replica is: write to the primary server",
    1213: "another session changed the same rows: run again",
    1060: "names that differ only in case are the same column here: rename one with  columns: {…: "
    "{rename: …}}",
    1062: "several rows have the same key, or the table already has the key: use  mode: merge, or "
    "remove the duplicates with a query; the collation of a key may ignore case, accents or "
    "trailing spaces",
    1114: "free some space on the server's disk, then run again",
    1021: "free some space on the server's disk, then run again",
    3: "free some space on the server's disk, then run again",
    1969: "the statement took too long: raise statement_timeout",
    3024: "the statement took too long: raise statement_timeout",
    1118: "a row has too many wide columns for InnoDB: exclude some with select",
    1117: "InnoDB tables have at most 1017 columns: exclude some with select",
}
_CONNECTING = frozenset({0, 2, 2003, 2026})
_DENIED = frozenset({1044, 1142, 1143, 1227, 1370})


class SessionError(Exception):
    """A session lacks what hygge needs."""


_SESSION_MODE = (
    "a proxy in front of the server has dropped or changed it: connect to the server directly, or "
    "configure the proxy to keep one session for each client"
)


def code_of(error: BaseException) -> int:
    """Return the error code of the server or driver, or 0."""
    number = error.args[0] if error.args else 0
    return number if isinstance(number, int) else 0


def is_passing(error: BaseException) -> bool:
    """Return whether an error may pass on retry: never for bad data, names or permissions."""
    import pymysql

    if isinstance(error, HyggeError):
        return error.__cause__ is not None and is_passing(error.__cause__)
    if _is_unstaged(error) or (code_of(error) == 1290 and "read-only" in str(error)):
        return True
    if isinstance(error, pymysql.InterfaceError | pymysql.InternalError) and not code_of(error):
        return True
    if not isinstance(error, pymysql.MySQLError):
        return isinstance(error, OSError)
    return code_of(error) in _PASSING and "certificate" not in str(error).lower()


def is_full(error: BaseException) -> bool:
    """Return whether the server has no free connection."""
    found = error.__cause__ if isinstance(error, HyggeError) else error
    return found is not None and code_of(found) in _FULL


def _is_unstaged(error: BaseException) -> bool:
    """Return whether the staging table is gone; only another run drops it."""
    return code_of(error) == _GONE and _UNSTAGED in str(error)


def message_of(error: BaseException) -> str:
    """Return the server's message without the driver's error code."""
    text = str(error.args[-1] if error.args else error).strip()
    return text.rstrip(".") or "the connection is closed"


def fault(error: BaseException, side: type[HyggeError], what: str) -> HyggeError:
    """Return the error of type `side` for a driver's error; `what` is the task that failed."""
    text, number = message_of(error), code_of(error)
    if isinstance(error, SessionError):
        denied = "HG507" if issubclass(side, HomeError) else "HG516"
        return side(f"{what}: {error}", hint=_SESSION_MODE, code=denied)
    if _is_unstaged(error):
        text = "the session of this attempt was ended, and another run dropped what it had staged"
        return side(f"{what}: {text}", hint="run again")
    reads = issubclass(side, HomeError)
    lower = text.lower()
    if number in _CONNECTING and ("certificate" in lower or "ssl" in lower or "tls" in lower):
        number = 2026
    elif "no such file" in lower and number == 2003:
        number = 2002
    elif "name or service not known" in lower or "getaddrinfo" in lower:
        number = 2005
    hint = _ACCESS.get(number) or _HINTS.get(number)
    if number in _DENIED:
        hint = _READ if reads else _WRITE
    code = None
    if number in _ACCESS:
        code = "HG507" if reads else "HG516"
    return side(f"{what}: {text}", hint=hint, code=code)
