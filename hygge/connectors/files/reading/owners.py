"""The entity that a file belongs to, where a glob beside `{entity}` matches several.

`{entity}_*.csv` matches `order_items_2024.csv` for `order` and for `order_items`. The longest known
name wins. For unknown names, an added word without digits may be part of another name, and one with
digits belongs to the glob.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

_WORD = re.compile(r"[^\W_]+")


def owner(readings: Collection[str]) -> str:
    """Return the most probable entity of a file among those that its name matches."""
    shortest = min(readings, key=lambda name: (not _has_letter(name), len(name), name))
    return max(_longer(shortest, readings), key=len, default=shortest)


def known_owner(readings: Iterable[str], known: Collection[str]) -> str | None:
    """Return the longest known name that a file's name matches."""
    return max((name for name in readings if name in known), key=len, default=None)


def rival(entity: str, readings: Iterable[str]) -> str | None:
    """Return a longer name that a file of `entity` may belong to; None without one."""
    return max(_longer(entity, readings), key=len, default=None)


def _longer(entity: str, readings: Iterable[str]) -> list[str]:
    return [name for name in readings if _is_another(name, entity)]


def _is_another(name: str, entity: str) -> bool:
    before, found, after = name.partition(entity)
    words = _WORD.findall(f"{before} {after}")
    return bool(found and words) and all(word.isalpha() for word in words)


def _has_letter(name: str) -> bool:
    return any(sign.isalpha() for sign in name)
