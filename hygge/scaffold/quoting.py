"""Values as YAML text that parses to the same value under YAML 1.1 and 1.2."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_PLAIN = re.compile(r"[A-Za-z_/.~$][\w/.~$+@%=:{}*?()\-]*", re.ASCII)
_PLAIN_IN_FLOW = re.compile(r"[A-Za-z_/.~$][\w/.~$+@%=*?()\-]*", re.ASCII)
_WORDS = frozenset({"", "~", "true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_NUMBER = re.compile(r"[-+]?(\.\d|\d)[\d_.:eExXoO+\-a-fA-F]*|[-+]?\.(inf|nan)", re.IGNORECASE)


def quoted(value: object, *, in_flow: bool = False) -> str:
    """Return `value` as YAML on one line: plain where that is safe, else in double quotes.

    `in_flow` is for text inside `[…]` and `{…}`, where braces and commas have a meaning. Raises
    `TypeError` for a value that YAML cannot represent.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return _text(value, in_flow)
    if isinstance(value, Mapping):
        pairs = (f"{quoted(k, in_flow=True)}: {quoted(v, in_flow=True)}" for k, v in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value) if isinstance(value, (set, frozenset)) else value
        return "[" + ", ".join(quoted(item, in_flow=True) for item in items) + "]"
    raise TypeError(f"no YAML for {type(value).__name__}")


def _text(value: str, in_flow: bool) -> str:
    plain = (_PLAIN_IN_FLOW if in_flow else _PLAIN).fullmatch(value)
    ambiguous = value.lower() in _WORDS or _NUMBER.fullmatch(value) or value.endswith(":")
    if plain and not ambiguous and not value.startswith(("---", "...")):
        return value
    return "".join(_escaped(char) for char in json.dumps(value, ensure_ascii=False))


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
