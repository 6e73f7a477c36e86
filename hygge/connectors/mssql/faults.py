"""Errors of SQL Server: their message, a hint, and whether a retry may help.

The driver reports neither SQLSTATE nor error number, only its own name for the state, from its
module `exceptions`, and the server's text. These names are matched here.
"""

from __future__ import annotations

import re

from hygge.errors import HomeError, HyggeError

_TAGS = re.compile(r"\[[^\]]*\]\s*")
_PASSING = re.compile(
    r"serialization failure|communication link failure|connection failure|client unable to "
    r"establish|server rejected the connection|connection not open|timeout expired"
    r"|deadlock|lock request time out|snapshot isolation transaction aborted|not currently "
    r"available|is being (?:shut|restarted)|shutdown is in progress|connection (?:is|was) "
    r"(?:broken|closed|reset)|i/o error|connection refused|too many connections|maximum number of"
    r"|being recovered|in the middle of a restore|is in transition|failover|resource limit"
    r"|service is (?:currently )?busy|not accessible.*replica|no process is on the other end"
    r"|server is paused|invalid object name '[^']*_hygge_stg_",
    re.IGNORECASE,
)
_LASTING = re.compile(
    r"login failed|cannot open database|certificate|no such host|failed to load the driver",
    re.IGNORECASE,
)
"""Errors that do not pass, although they are reported as failed connections."""


_SECONDS = re.compile(r"retry the request after (\d{1,5}) seconds", re.IGNORECASE)

_CODES = {"0x2749": "connection refused", "0x2AF9": "no such host", "0x68": "connection reset"}
"""Meanings of Windows network error codes, which the driver reports without text."""


def drivers_errors() -> tuple[type[BaseException], ...]:
    """Return the errors that the driver and its bulk copy raise."""
    import mssql_py_core
    import mssql_python

    own = (mssql_python.Error, mssql_python.exceptions.ConnectionStringParseError)
    return (*own, mssql_py_core.Error, RuntimeError, ValueError)


def message_of(error: BaseException) -> str:
    """Return the server's message, or else the driver's."""
    text = getattr(error, "ddbc_error", "") or str(error)
    text = " ".join(_TAGS.sub("", text).split())
    for code, meaning in _CODES.items():
        text = text.replace(f"Error code {code}", meaning)
    kind = getattr(error, "driver_error", "")
    whole = f"{kind}: {text}" if kind and kind not in text else text
    return whole.rstrip(".") or type(error).__name__


def is_passing(error: BaseException) -> bool:
    """Return whether an error may pass on retry: never for bad data, names or permissions."""
    if isinstance(error, HyggeError):
        return error.__cause__ is not None and is_passing(error.__cause__)
    text = message_of(error)
    return _PASSING.search(text) is not None and _LASTING.search(text) is None


def retry_after(error: BaseException) -> float | None:
    """Return after how many seconds trying again may help, which Azure says where it is busy."""
    if not is_passing(error):
        return None
    seconds = _SECONDS.search(message_of(error))
    return float(seconds[1]) if seconds else 0.0


def fault(error: BaseException, side: type[HyggeError], what: str) -> HyggeError:
    """Return the error of type `side` for a driver's error; `what` is the task that failed."""
    text = message_of(error)
    hint, is_access = _hint(text.lower())
    code = None
    if is_access:
        code = "HG507" if issubclass(side, HomeError) else "HG516"
    return side(f"{what}: {text}", hint=hint, code=code)


def _hint(text: str) -> tuple[str | None, bool]:
    for sign, hint, is_access in _WAYS:
        if sign in text:
            return hint, is_access
    return None, False


_WAYS = (
    (
        "failed to load the driver",
        "the driver needs libraries of the system: on Debian and Ubuntu  apt install libltdl7 "
        "libkrb5-3 libgssapi-krb5-2 ; on Red Hat and Fedora  dnf install libtool-ltdl krb5-libs",
        True,
    ),
    ("login failed", "check user and password, and that this user may log in", True),
    ("cannot open database", "check the name of the database, and that this user may use it", True),
    (
        "certificate",
        "install a server certificate that this machine trusts; trust_server_certificate: true "
        "skips the check, which makes man-in-the-middle attacks possible",
        True,
    ),
    ("no such host", "check the name of the host", True),
    (
        "maximum number of",
        "the server has no free connections: lower max_connections here, or raise it there",
        True,
    ),
    (
        "unable to establish connection",
        "check host and port, that the server runs and listens on TCP, and that no firewall "
        "blocks it",
        True,
    ),
    ("permission was denied", "grant this user the permission, or use another user", False),
    ("invalid object name", "check the name, and that this user may see the table", False),
    ("lock request time out", "another session holds a lock on the table: run again", False),
    ("query timeout", "the statement took too long: raise statement_timeout", False),
    ("non-finite float", "SQL Server has no NaN and no infinity: cast the column to string",
     False),
)  # fmt: skip
