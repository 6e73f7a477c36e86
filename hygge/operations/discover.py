"""Discovery of a home: its entities, and those that could not be read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from glob import escape
from typing import TYPE_CHECKING

from hygge.connector import Home
from hygge.errors import HyggeError, UsageError
from hygge.values.model import EntityFacts

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_NAMES = 20


@dataclass(frozen=True, slots=True)
class Survey:
    """The facts of a home's entities."""

    facts: tuple[EntityFacts, ...]
    unread: Mapping[str, str]
    """Reason why an entity could not be read, by its name."""

    @property
    def names(self) -> list[str]:
        """All entities, sorted."""
        return sorted([*(one.name for one in self.facts), *self.unread])


def survey(home: Home, name: str, pattern: str = "*") -> Survey:
    """Return the facts of the entities of home `name` that match a glob.

    An entity that cannot be read does not hide the others. Raises `UsageError` with similar names
    when nothing matches, and the home's error when it cannot be listed.
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
        else f"home '{name}' has no entities; check its settings:  hygge doctor {name}",
    )


_STEMS = (
    re.compile(r"updat|modif|(?<![a-z])(?:chang|touch|mtime)"),
    re.compile(r"creat|insert|(?<![a-z])(?:add|ingest|load|receiv|regist|record|log|ctime)"),
)
"""Name patterns of watermark candidates: first columns that change with the row, then others."""


def watermark_candidates(facts: EntityFacts) -> tuple[str, ...]:
    """Return candidates for the watermark column, most likely first.

    First times and dates named like an update, then those named like a creation, then a primary key
    of one integer. They are guesses from the schema alone, for the user to confirm: the columns
    need not be increasing.
    """
    import pyarrow as pa

    ranked = [(rank, field.name) for field in facts.schema if (rank := _rank(field)) is not None]
    names = [name for _, name in sorted(ranked, key=lambda pair: pair[0])]
    if len(facts.primary_key) == 1 and facts.primary_key[0] in facts.schema.names:
        key = facts.schema.field(facts.primary_key[0])
        names += [key.name] if pa.types.is_integer(key.type) else []
    return tuple(names)


def _rank(field: pa.Field) -> tuple[int, bool] | None:
    """Return the rank of a column, lowest first; None when it is no candidate."""
    import pyarrow as pa

    is_date = pa.types.is_date(field.type)
    if not (is_date or pa.types.is_timestamp(field.type)):
        return None
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", field.name).lower()
    rank = next((number for number, stem in enumerate(_STEMS) if stem.search(words)), None)
    return None if rank is None else (rank, is_date)
