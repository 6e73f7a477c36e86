"""Whose file it is, where a glob beside `{entity}` lets a name fit several entities.

`{entity}_*.csv` fits `order_items_2024.csv` for `order` and for `order_items`. Names that are known
decide, the longest first. Between others only a word decides: what is added to a name by words
without digits may be another name, and what has digits is what the glob stands for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

_WORD = re.compile(r"[^\W_]+")


def owner(readings: Collection[str]) -> str:
    """Return the entity that a file most probably belongs to, of those that its name fits."""
    shortest = min(readings, key=lambda name: (not _has_letter(name), len(name), name))
    return max(_longer(shortest, readings), key=len, default=shortest)


def known_owner(readings: Iterable[str], known: Collection[str]) -> str | None:
    """Return the longest of the known names that a file's name fits."""
    return max((name for name in readings if name in known), key=len, default=None)


def rival(entity: str, readings: Iterable[str]) -> str | None:
    """Return a longer name that a file of `entity` may belong to as well; None where none does."""
    return max(_longer(entity, readings), key=len, default=None)


def _longer(entity: str, readings: Iterable[str]) -> list[str]:
    return [name for name in readings if _is_another(name, entity)]


def _is_another(name: str, entity: str) -> bool:
    before, found, after = name.partition(entity)
    words = _WORD.findall(f"{before} {after}")
    return bool(found and words) and all(word.isalpha() for word in words)


def _has_letter(name: str) -> bool:
    return any(sign.isalpha() for sign in name)
