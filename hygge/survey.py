"""A look into a home: what is there, and what could not be looked into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from glob import escape

from hygge.connector import Home
from hygge.errors import HyggeError, UsageError
from hygge.model import EntityFacts

_MOST_NAMES = 20


@dataclass(frozen=True, slots=True)
class Survey:
    """What a home tells of its entities."""

    facts: tuple[EntityFacts, ...]
    unread: Mapping[str, str]
    """Why an entity could not be looked into, by its name."""

    @property
    def names(self) -> list[str]:
        """All entities, sorted."""
        return sorted([*(one.name for one in self.facts), *self.unread])


def survey(home: Home, name: str, pattern: str = "*") -> Survey:
    """Look into the entities of home `name` that match a glob.

    One that cannot be looked into keeps nobody from seeing the others. Raises `UsageError` with
    the nearest names when nothing matches, and the home's own error when it cannot be listed.
    """
    unread: dict[str, str] = {}
    try:
        found = home.survey(pattern)
    except (HyggeError, OSError):
        found, unread = _one_by_one(home, pattern)
    if not found and not unread:
        raise _nothing(home, name, pattern)
    return Survey(tuple(found), unread)


def _one_by_one(home: Home, pattern: str) -> tuple[list[EntityFacts], dict[str, str]]:
    found, unread = [], {}
    for entity in home.entities(pattern):
        try:
            found += home.survey(escape(entity))
        except (HyggeError, OSError) as error:
            unread[entity] = str(error)
    return found, unread


def _nothing(home: Home, name: str, pattern: str) -> UsageError:
    known = home.entities()
    near = get_close_matches(pattern, known, n=3, cutoff=0.8)
    guess = f"; did you mean {' or '.join(repr(one) for one in near)}?" if near else ""
    more = f", … {len(known) - _MOST_NAMES:,} more" if len(known) > _MOST_NAMES else ""
    hint = f"its entities: {', '.join(known[:_MOST_NAMES])}{more}"
    return UsageError(
        f"home '{name}' has no entity '{pattern}'{guess}",
        hint=hint
        if known
        else f"home '{name}' is empty; look at its settings:  hygge doctor {name}",
    )
