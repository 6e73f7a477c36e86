"""Redaction of secrets in text before it is shown, logged or stored."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote, unquote_plus

_MASK = "***"
_SHORTEST = 4
_WORDS = frozenset({"true", "false", "null", "none"})
_FIGURE = re.compile(r"[-+.\deE]+")

_USER_INFO = re.compile(r"(?P<scheme>\b[a-zA-Z][\w+.-]*://)[^\s/?#@'\"]*:[^\s/?#'\"]*@")
_PAIR = re.compile(
    r"(?P<key>\b(?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key"
    r"|client[_-]?secret|sas|sig|signature|authorization)['\"]?\s*[=:]\s*)"
    r"(?P<value>(?!\$\{[\w:./-]+\}(?:[\s&;,]|$))"
    r"(?:'[^']*'|\"[^\"]*\"|(?:bearer\s+|basic\s+)?[^\s&;,'\"]+))",
    re.IGNORECASE,
)

# A colon without a space: in YAML that is one word, and no key with a value.
_GLUED = re.compile(
    r"(?P<key>(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?"
    r"|(?:api|private|access|account)[_-]?key):)(?P<value>[^\s:'\"?{}-][^\s'\"]*)",
    re.IGNORECASE,
)

_INNER_PASSWORD = re.compile(
    r"://[^/\s:@]*:([^/\s@]+)@|\b(?:password|pwd)\s*=\s*[{'\"]?([^;&\s'\"}]+)", re.IGNORECASE
)

_known: set[str] = set()

_TELLING = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|APIKEY|(^|_)(KEY|PASS|PAT|SAS|AUTH)$|_PWD$"
)
_EXPRESSION = re.compile(r"\$\{(?:file:([^{}]+)|([A-Za-z_]\w*))")
_HARMLESS = re.compile(
    r"(^|_)(PRIMARY|FOREIGN|PUBLIC|SORT|PARTITION|MERGE)_KEY$|_(FILE|PATH|NAME)$"
)


def is_secret_name(name: str) -> bool:
    """Return whether a variable's name suggests a secret, like `DB_PASSWORD`."""
    word = name.upper()
    return _TELLING.search(word) is not None and _HARMLESS.search(word) is None


def is_from_secret(text: str) -> bool:
    """Return whether a YAML text contains a variable or file whose name suggests a secret."""
    names = (variable or path.replace("/", "_") for path, variable in _EXPRESSION.findall(text))
    return any(map(is_secret_name, names))


def learn(secret: str) -> None:
    """Register a secret for the life of the process; `redact` then masks it in every form.

    Forms are the text itself and its URL-decoded value, each escaped as in JSON, URLs, Python and
    base64, and in lower case, as systems print host names. Passwords inside a URL or a connection
    string are separate secrets. Texts of fewer than four characters are not registered, because
    masking them would make messages unreadable.
    """
    inner = (one or other for one, other in _INNER_PASSWORD.findall(secret))
    for one in {secret, *inner}:
        for form in {one, unquote(one), unquote_plus(one)}:
            _remember(form)


def _remember(secret: str) -> None:
    if len(secret) < _SHORTEST or secret.lower() in _WORDS:
        return
    encoded = secret.encode()
    folded = secret.encode("ascii", "backslashreplace").decode()
    _known.update(
        {
            secret,
            secret.lower(),
            folded,
            json.dumps(folded)[1:-1],
            quote(secret, safe=""),
            quote_plus(secret),
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            base64.b64encode(encoded).decode(),
            base64.urlsafe_b64encode(encoded).decode(),
            repr(secret)[1:-1],
        }
    )


def forget() -> None:
    """Forget all secrets."""
    _known.clear()


def mask(text: str) -> str:
    """Return `text` with known secrets masked; the last step before printing.

    Also safe for JSON: a secret that is a number is left to `redact_values`.
    """
    return _without(text, [one for one in _known if not _FIGURE.fullmatch(one)])


def _without(text: str, secrets: Iterable[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text


def redact(text: str) -> str:
    """Return `text` with known secrets, passwords in URLs and `password=` values masked.

    The name of a variable, as in `password: ${DB_PASSWORD}`, is not masked.
    """
    text = _without(text, _known)
    text = _USER_INFO.sub(rf"\g<scheme>{_MASK}@", text)
    return _PAIR.sub(rf"\g<key>{_MASK}", text)


def without_logins(text: str) -> str:
    """Return `text` with passwords in URLs and in words like `password:secret` masked.

    Milder than `redact`: a hint such as `password: ${DB_PASSWORD}` is not masked.
    """
    if "://" in text:
        text = _USER_INFO.sub(rf"\g<scheme>{_MASK}@", text)
    return _GLUED.sub(rf"\g<key>{_MASK}", text)


def redact_values(value: object) -> object:
    """Return JSON-like values with all texts redacted, except keys."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redact_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_values(item) for item in value]
    return value
