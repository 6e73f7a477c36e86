"""Names a project, home, store or flow may have: safe as a file name and as a word of YAML."""

from __future__ import annotations

import re
import unicodedata

from hygge.errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_LONGEST = 63
_YAML_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}
)


def check_name(kind: str, name: str) -> str:
    """Return `name`; raise `UsageError` with a name that would do when this one will not.

    Names are `[a-z][a-z0-9_]{0,62}`, without the words YAML reads as something else and the
    names Windows keeps for devices.
    """
    reason = _refusal(name)
    if reason is None:
        return name
    raise UsageError(
        f"'{name}' cannot be the name of a {kind}: {reason}",
        hint=f"try '{suggest_name(name, kind)}'",
        code="HG202",
    )


def suggest_name(text: str, kind: str) -> str:
    """Return a lawful name that looks like `text`; `kind` stands in when nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain).lower()
    name = re.sub(r"[^a-z0-9]+", "_", words).strip("_")
    if not name or not name[0].isalpha():
        name = f"{kind}_{name}".rstrip("_")
    name = name[:_LONGEST].rstrip("_")
    return name if _refusal(name) is None else f"{name}_{kind}"


def _refusal(name: str) -> str | None:
    if name in _YAML_WORDS:
        return "YAML may read this word as something other than text"
    if name in _WINDOWS_DEVICES:
        return "Windows keeps this name for a device"
    if _NAME.fullmatch(name) is None:
        return "use lower-case letters, digits and _, a letter first, at most 63 in all"
    return None
