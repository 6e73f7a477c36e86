"""Errors of ODBC drivers: their message without secrets, and a hint."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hygge.connectors.odbc.driver import DriverError
from hygge.errors import HomeError, HyggeError

_FOREIGN = re.compile(r"State: (\w{5}), Native error: -?\d+, Message: (.*)", re.DOTALL)
"""The format of driver errors in arrow-odbc."""
_TAGS = re.compile(r"^(?:\[[^\]]*\]\s*)+")
_PASSING_CLASSES = ("08", "40", "53", "57P")
_PASSING_TEXT = re.compile(
    r"ora-(?:01033|01034|01089|01090|03113|03114|03135|12514|12516|12518|12519|12520|12528|12537"
    r"|12541|12170)|starting up|shutting down|recovery mode|too many (?:clients|connections)"
    r"|connection (?:slots|reset|refused)|deadlock",
    re.IGNORECASE,
)
"""Server messages behind driver-specific codes. Oracle's numbers mean instances that start, stop or
are full, and lost connections.
"""
_PASSING = ("HYT00", "HYT01")
_LASTING = ("password", "denied", "does not exist", "unknown database", "could not translate")
"""Errors that do not pass, although they are reported as failed connections."""
_ACCESS = ("28", "08", "IM", "HYT", "01000")
_TOO_LONG = "too large to be written into the allocated buffer"


def code_and_text(error: BaseException) -> tuple[str, str]:
    """Return the SQLSTATE of an error, or an empty string, and the driver's message."""
    text = str(error).strip()
    state = error.sqlstate if isinstance(error, DriverError) else ""
    if match := _FOREIGN.search(text):
        state, text = match[1], match[2]
    text = _TAGS.sub("", " ".join(text.removeprefix("External error: ").split()))
    return state, text.rstrip(".") or type(error).__name__


def is_passing(error: BaseException) -> bool:
    """Return whether an error may pass on retry: lost connections, deadlocks, timeouts."""
    if isinstance(error, HyggeError):
        return error.__cause__ is not None and is_passing(error.__cause__)
    state, text = code_and_text(error)
    if not state:
        return False
    if any(sign in text.lower() for sign in _LASTING):
        return False
    if state in _PASSING or state.startswith(_PASSING_CLASSES):
        return True
    return _PASSING_TEXT.search(text) is not None


def fault(error: BaseException, what: str, secrets: Sequence[str]) -> HomeError:
    """Return the `HomeError` for a driver's error; `what` is the task that failed."""
    state, text = code_and_text(error)
    for secret in secrets:
        text = text.replace(secret, "***")
    hint = _hint(state, text)
    code = "HG507" if state.startswith(_ACCESS) else None
    return HomeError(f"{what}: {text}", hint=hint, code=code)


def _hint(state: str, text: str) -> str | None:
    for sign, hint in _WAYS:
        if sign in f"{state} {text}".lower():
            return hint
    return None


_WAYS = (
    ("statement timeout", "the statement took too long: raise statement_timeout"),
    (_TOO_LONG, 
        "raise max_text_size or max_binary_size in the home; a column whose length the driver "
        "reports too short can be read with  types: {…: string}"),
    ("can't open lib", "install the driver, or use one of those that  odbcinst -q -d  lists"),
    ("im002", 
        "set a driver, as in  Driver={PostgreSQL Unicode};… , or a DSN of odbc.ini:  odbcinst -q "
        "-s  lists them"),
    ("no password supplied", "set a password:  password: ${DB_PASSWORD}"),
    ("28000", "check user and password, and that this user may log in"),
    ("authentication failed", "check user and password, and that this user may log in"),
    ("does not exist", "check the name"),
    ("refused", "check server and port, that the server runs, and that no firewall blocks it"),
    ("could not translate", "check the name of the server"),
    ("unknown server host", "check the name of the server"),
    ("hyt00", "the server did not answer in time: raise connect_timeout or statement_timeout"),
)  # fmt: skip
