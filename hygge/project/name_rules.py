"""Rules for names of homes, stores, flows and environments."""

from __future__ import annotations

import re

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_YAML_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"}
    | {f"{port}{number}" for port in ("com", "lpt") for number in range(10)}
)


def why_refused(name: str) -> str | None:
    """Return why a name is invalid; None when it is valid."""
    if name in _YAML_WORDS:
        return f"'{name}' has another meaning in YAML"
    if name in _DEVICES:
        return f"'{name}' is the name of a device on Windows"
    if _NAME.fullmatch(name):
        return None
    if len(name) > 63:
        return f"'{name[:20]}…' has {len(name)} characters; at most 63 are allowed"
    return (
        f"'{name}' is not a valid name: use lower-case letters, digits and _, beginning with a "
        "letter"
    )


def suggest(name: str) -> str:
    """Return a valid name similar to `name`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    text = re.sub(r"[^a-z0-9]+", "_", words).strip("_").lstrip("0123456789_")[:58] or "data"
    return text if why_refused(text) is None else f"{text}_data"
