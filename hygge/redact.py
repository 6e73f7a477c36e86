"""Secrets taken out of text before anybody sees, logs or stores it."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote, quote_plus

_MASK = "***"
_SHORTEST = 4

_USER_INFO = re.compile(r"(?P<scheme>\b[a-zA-Z][\w+.-]*://)[^\s/?#@'\"]*:[^\s/?#'\"]*@")
_PAIR = re.compile(
    r"(?P<key>\b(?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key"
    r"|client[_-]?secret|sas|sig|signature|authorization)['\"]?\s*[=:]\s*)"
    r"(?P<value>'[^']*'|\"[^\"]*\"|(?:bearer\s+|basic\s+)?[^\s&;,'\"]+)",
    re.IGNORECASE,
)

_known: set[str] = set()


def learn(secret: str) -> None:
    """Remember a secret for the life of the process; `redact` then masks it in every form.

    Texts of fewer than four characters are not remembered: masking them would ruin every message.
    """
    if len(secret) < _SHORTEST:
        return
    encoded = secret.encode()
    _known.update(
        {
            secret,
            quote(secret, safe=""),
            quote_plus(secret),
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            base64.b64encode(encoded).decode(),
            base64.urlsafe_b64encode(encoded).decode(),
            repr(secret)[1:-1],
        }
    )


def redact(text: str) -> str:
    """Return `text` with known secrets, passwords in URLs and `password=` values masked."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    text = _USER_INFO.sub(rf"\g<scheme>{_MASK}@", text)
    return _PAIR.sub(rf"\g<key>{_MASK}", text)


def redact_values(value: object) -> object:
    """Return JSON-like values with every text in them redacted; the keys stay."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redact_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_values(item) for item in value]
    return value
