"""Errors of the server and its drivers: their message, a hint, and whether a retry may help."""

from __future__ import annotations

import re
from collections.abc import Callable

from hygge.connectors.sql.read_timeout import SilentError
from hygge.errors import HomeError, HyggeError

LOCKED = "55P03"
"""SQLSTATE lock_not_available."""
_PASSING_CLASSES = ("08", "40", "53", "57P", "58")
_PASSING = (LOCKED, "55006", "25006", "25P03")
"""SQLSTATEs and classes (PostgreSQL, Appendix A) that may pass: lost connections, deadlocks,
shutdowns, too many connections, lock timeouts, read-only standbys, terminated sessions.
"""
_FULL = re.compile(
    r"too many (?:clients|connections)|remaining connection slots|no more connections allowed"
    r"|query_wait_timeout|no free connections",
    re.IGNORECASE,
)
_LOST = re.compile(
    r"connection (?:refused|reset|timed out|not open)|server closed the connection|terminating "
    r"connection|could not (?:connect|receive|send)|timeout expired|broken pipe|no route to host"
    r"|network is unreachable|ssl syscall error|SSL connection has been closed|lost synchronization"
    r"|the connection is (?:closed|lost)|starting up|shutting down|recovery mode|not yet accepting"
    r"|conflict with recovery|server (?:conn crashed|login (?:has been )?failed|login failing)"
    r"|cannot connect to server|pgbouncer is paused|database (?:is )?(?:paused|removed)"
    r"|temporary failure in name resolution|no connection to the server|unexpected eof",
    re.IGNORECASE,
)
_GONE = re.compile(
    r"invalid snapshot identifier|snapshot \"[^\"]*\" does not exist|could not import the "
    r"requested snapshot|source (?:transaction|process) .*is not running"
    r"|tuple concurrently (?:updated|deleted)",
    re.IGNORECASE,
)
_UNSTAGED = re.compile(r"relation \"[^\"]*_hygge_stg_[^\"]*\" does not exist")
"""A staging table or snapshot is gone because its session ended; a new attempt creates a new one.
"""
_LASTING = re.compile(
    r"unsupported startup parameter|no such (?:database|user)|authentication failed|auth failed"
    r"|not allowed in statement pooling",
    re.IGNORECASE,
)
"""Errors that do not pass, although poolers report them as failed connections."""
_STATE = re.compile(r"\s*\.?\s*SQLSTATE: \w+\s*$")
_NOISE = re.compile(
    r"^(?:[A-Z_]+: )?(?:\[libpq\] )?"
    r"(?:Failed to (?:prepare query|execute (?:query|COPY statement)): )?"
    r"(?:could not begin COPY: )?(?:PGRES_FATAL_ERROR )?(?:ERROR:\s+)?"
)
_DESTROYING = re.compile(
    r"^\s*HINT:[^\n]*\b(?:DROP|CASCADE|TRUNCATE|DELETE)\b[^\n]*$", re.MULTILINE
)
"""Hints of the server that would destroy something if followed."""
_QUERY = re.compile(r"\n\nQuery was:.*", re.DOTALL)


_NO_DATABASE = re.compile(r"database \"[^\"]*\" does not exist|no such database")
_RESTARTS = re.compile(
    r"starting up|shutting down|not yet accepting|recovery mode|terminating connection due to adm"
)
_DENIED = re.compile(r"authentication failed|pg_hba|role \"[^\"]*\" (?:does not exist|is not)")


class SessionError(Exception):
    """A session lacks what hygge needs; the second argument is the hint."""


def state_of(error: BaseException | None) -> str:
    """Return the SQLSTATE of a driver's error, or an empty string."""
    return getattr(error, "sqlstate", None) or ""


def is_passing(error: BaseException) -> bool:
    """Return whether an error may pass on retry: never for bad data, names or permissions."""
    import adbc_driver_manager
    import psycopg

    if isinstance(error, HyggeError):
        return error.__cause__ is not None and is_passing(error.__cause__)
    if isinstance(error, SilentError):
        return True
    if not isinstance(error, psycopg.Error | adbc_driver_manager.Error | OSError):
        return False
    state, text = state_of(error), str(error)
    if _LASTING.search(text):
        return False
    if (
        state.startswith(_PASSING_CLASSES)
        or state in _PASSING
        or _GONE.search(text)
        or _UNSTAGED.search(text)
    ):
        return True
    return not state and (_LOST.search(text) or _FULL.search(text)) is not None


def is_full(error: BaseException) -> bool:
    """Return whether the server or a pooler had no free connection in time."""
    text = str(error)
    found = error.__cause__ if isinstance(error, HyggeError) else error
    return state_of(found) == "53300" or _FULL.search(text) is not None


def message_of(error: BaseException) -> str:
    """Return the server's message without the drivers' additions."""
    text = _DESTROYING.sub("", _QUERY.sub("", str(error))).strip()
    text = _NOISE.sub("", _STATE.sub("", text)).strip().rstrip(".")
    whole = (line.strip().removeprefix("connection failed: ") for line in text.splitlines())
    lines = dict.fromkeys(filter(None, whole))
    return "\n".join(lines) or type(error).__name__


def fault(error: BaseException, side: type[HyggeError], what: str) -> HyggeError:
    """Return the error of type `side` for a driver's error; `what` is the task that failed."""
    text = message_of(error)
    hint: str | None
    if isinstance(error, SessionError):
        text, hint, is_access = str(error.args[0]), str(error.args[1]), True
    elif _UNSTAGED.search(text):
        text = "the session of this attempt was ended, and another run dropped what it had staged"
        hint, is_access = "run again", False
    else:
        hint, is_access = _hint(state_of(error), text, reads=issubclass(side, HomeError))
    code = None
    if is_access:
        code = "HG507" if issubclass(side, HomeError) else "HG516"
    return side(f"{what}: {text}", hint=hint, code=code)


def _hint(state: str, text: str, *, reads: bool) -> tuple[str | None, bool]:
    """Return the hint, and whether the error is about the login."""
    for matches, hint, is_access in _WAYS:
        if matches(state, text.lower()):
            return (hint(reads) if callable(hint) else hint), is_access
    return None, False


GRANT_WRITING = (
    "grant this user USAGE and CREATE on the schema, and make it the owner of the table or grant "
    "it INSERT, UPDATE, DELETE and SELECT"
)


def _grant(reads: bool) -> str:
    return "grant this user USAGE on the schema and SELECT on the table" if reads else GRANT_WRITING


_Way = tuple[Callable[[str, str], bool], "str | Callable[[bool], str]", bool]
_WAYS: tuple[_Way, ...] = (
    (
        lambda s, t: s.startswith("28") or _DENIED.search(t) is not None,
        "check user and password, and that pg_hba.conf of the server allows this user",
        True,
    ),
    (
        lambda s, t: "no password supplied" in t,
        "set a password:  password: ${DB_PASSWORD}",
        True,
    ),
    (
        lambda s, t: s == "3D000" or _NO_DATABASE.search(t) is not None,
        "check the name of the database, or create it:  createdb NAME",
        True,
    ),
    (
        lambda s, t: "does not match host name" in t,
        "the certificate is for another name: use that name as host, or set  sslmode: verify-ca  "
        "to accept any name of the same authority",
        True,
    ),
    (
        lambda s, t: "certificate" in t or ("ssl" in t and "not support" in t),
        "set sslrootcert to the file of the certificate authority; sslmode: require skips the "
        "check, which makes man-in-the-middle attacks possible",
        True,
    ),
    (
        lambda s, t: "translate host name" in t or "resolve host" in t,
        "check host; a password in a url needs @ : / # written as %40 %3A %2F %23",
        True,
    ),
    (
        lambda s, t: "connection refused" in t or "timeout expired" in t or "timed out" in t,
        "check host and port, that the server runs, and that no firewall blocks it",
        True,
    ),
    (
        lambda s, t: s == "53300" or _FULL.search(t) is not None,
        "the server, or its pooler, has no free connections: lower max_connections here, or raise "
        "it there (a move needs two connections to its home and two to its store)",
        True,
    ),
    (
        lambda s, t: "unsupported startup parameter" in t or "statement pooling" in t,
        "connect to the server directly, or to a pooler that keeps one session for each client "
        "(pgbouncer: pool_mode = session); poolers reject options in the url: remove them",
        True,
    ),
    (
        lambda s, t: s.startswith("57P") or _RESTARTS.search(t) is not None,
        "the server is starting, stopping or recovering: run again once it accepts connections",
        True,
    ),
    (
        lambda s, t: "row-level security" in t or "row security policy" in t,
        "row-level security hides rows from this user: allow it to see all rows (ALTER ROLE … "
        "BYPASSRLS), or move only the visible ones with  row_security: apply",
        False,
    ),
    (
        lambda s, t: _GONE.search(t) is not None,
        "the session of the snapshot has ended, by a restart of the server or by hand: run again",
        False,
    ),
    (
        lambda s, t: "conflict with recovery" in t,
        "the standby applied changes that conflict with this query: raise "
        "max_standby_streaming_delay there, set hot_standby_feedback = on, or read the primary",
        False,
    ),
    (
        lambda s, t: s == "428C9",
        "the column is GENERATED ALWAYS, so only the server writes it: exclude it with select, "
        "or  ALTER TABLE … ALTER COLUMN … SET GENERATED BY DEFAULT",
        False,
    ),
    (lambda s, t: s == "42501", _grant, False),
    (
        lambda s, t: s == "22021",
        "text of PostgreSQL cannot contain NUL characters: exclude the column with select, or "
        "cast it to binary in its home",
        False,
    ),
    (lambda s, t: s == "53100", "free some space on the server's disk, then run again", False),
    (
        lambda s, t: s == "57014",
        "the statement took too long or was cancelled: raise statement_timeout",
        False,
    ),
    (
        lambda s, t: s in ("23505", "23P01"),
        "a unique constraint of the table is violated: use  mode: merge  to update rows, or fix "
        "them in the home",
        False,
    ),
    (
        lambda s, t: s == "23503",
        "move the referenced rows first, with  after:, or drop the foreign key",
        False,
    ),
    (lambda s, t: "no partition of relation" in t, "add a partition for such rows", False),
    (
        lambda s, t: s.startswith("23"),
        "fix such rows in the home, exclude them with  where, or change the constraint of the "
        "table",
        False,
    ),
    (
        lambda s, t: s == "0A000" and ("returning on relation" in t or "rules are not" in t),
        "a rule of the table (CREATE RULE) changes written rows: drop it, or use a trigger",
        False,
    ),
    (
        lambda s, t: s == LOCKED,
        "end the session that holds the lock, or wait for it, then run again",
        False,
    ),
)
