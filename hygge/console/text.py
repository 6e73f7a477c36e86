"""Formatting of words and numbers, and escaping of foreign text."""

from __future__ import annotations

import re

_UNITS = ("KB", "MB", "GB", "TB", "PB")

# C0 and C1 controls, line and paragraph separators, bidirectional overrides, lone surrogates:
# what could move the cursor, retitle the window, forge a line or reverse the words around it.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

_ASCII = {
    "·": "-",
    "–": "-",
    "—": "-",
    "…": "...",
    "→": "->",
    "×": "x",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "≤": "<=",
    "≥": ">=",
}


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def clean(text: str) -> str:
    """Return `text` on one line with every control character written as an escape."""
    return _UNSAFE.sub(_escape, text)


def clean_lines(text: str, indent: str = "  ") -> str:
    """Return `text` escaped like `clean`, with line ends kept and later lines indented."""
    return f"\n{indent}".join(clean(line) for line in text.rstrip().splitlines())


def fold(text: str, encoding: str) -> str:
    """Return `text` within `encoding`: typographic characters as ASCII, others escaped."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_fold_one(character, encoding) for character in text)
    return text


def _fold_one(character: str, encoding: str) -> str:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        escaped = character.encode("ascii", "backslashreplace").decode("ascii")
        return _ASCII.get(character, escaped)
    return character


def count(number: int) -> str:
    """Return a number with its thousands separated: `2,481,220`."""
    return f"{number:,}"


def size(number: float) -> str:
    """Return bytes in the decimal unit that leaves at most three digits: `72 KB`, `1.4 GB`."""
    if number < 1000:
        return f"{number:.0f} B"
    power = 1
    while number / 1000**power >= 999.5 and power < len(_UNITS):
        power += 1
    number, unit = number / 1000**power, _UNITS[power - 1]
    return f"{number:.1f} {unit}" if number < 9.95 else f"{number:.0f} {unit}"


def duration(seconds: float) -> str:
    """Return a duration in at most two units: `0.1 s`, `1m 02s`, `3h 05m`."""
    if seconds < 59.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


def percent(share: float) -> str:
    """Return a share as whole per cent, and 100 for the whole only."""
    return f"{int(share * 100)} %"


def time_left(share: float, seconds: float) -> float | None:
    """Return how long the rest takes where `share` took so many seconds; None where none is known.

    The first hundredth is no basis for an estimate.
    """
    return seconds * (1 - share) / share if share >= 0.01 else None


def waiting(wait: float, left: float) -> str:
    """Return the wait before a retry, and the time left for retries."""
    more = f" (for {duration(left)} more)" if left > 0 else ""
    return f"retrying in {duration(wait)}{more}"


def move_name(flow: str, entity: str) -> str:
    """Return the name of a move: the flow, with the entity where it differs."""
    return clean(flow) if flow == entity else f"{clean(flow)}/{clean(entity)}"
