"""Detection of literal secrets in project files."""

from __future__ import annotations

import re

_EXPRESSION = re.compile(
    r"\$\{(?:file:[^{}]*|[A-Za-z_]\w*(?:(?::-(?P<default>[^{}]*))|:\?[^{}]*)?)\}"
)
_PASSWORD = re.compile(r"://[^/\s:@]*:(?P<password>[^/\s@]+)@")


def is_variable(text: str) -> bool:
    """Return whether a text consists of variables only."""
    return not _EXPRESSION.sub(lambda match: match["default"] or "", text)


def is_literal_secret(text: str) -> bool:
    """Return whether a secret, or the password in a URL, is a literal.

    Defaults of variables count; text around a variable does not.
    """
    password = _PASSWORD.search(text)
    secret = password["password"] if password else text
    match = _EXPRESSION.search(secret)
    return match is None or bool(match["default"])


def holds_password(text: str) -> bool:
    """Return whether a text is a URL with a password."""
    return _PASSWORD.search(text) is not None
