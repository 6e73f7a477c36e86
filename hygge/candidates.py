"""Columns that may tell which rows are new, guessed from their names and types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hygge.model import EntityFacts

if TYPE_CHECKING:
    import pyarrow as pa

_STEMS = (
    re.compile(r"updat|modif|(?<![a-z])(?:chang|touch|mtime)"),
    re.compile(r"creat|insert|(?<![a-z])(?:add|ingest|load|receiv|regist|record|log|ctime)"),
)
"""What the names of such columns hold: first of those that change with the row, then of others."""


def watermark_candidates(facts: EntityFacts) -> tuple[str, ...]:
    """Return the columns by which later rows may be told from earlier ones, likeliest first.

    Times and dates whose names say that a row was changed, then those that say that it was made,
    then a primary key that is one whole number. A guess from the schema alone, for a person to
    confirm: nothing says that these columns only grow.
    """
    import pyarrow as pa

    ranked = [(rank, field.name) for field in facts.schema if (rank := _rank(field)) is not None]
    names = [name for _, name in sorted(ranked, key=lambda pair: pair[0])]
    if len(facts.primary_key) == 1 and facts.primary_key[0] in facts.schema.names:
        key = facts.schema.field(facts.primary_key[0])
        names += [key.name] if pa.types.is_integer(key.type) else []
    return tuple(names)


def _rank(field: pa.Field) -> tuple[int, bool] | None:
    """Return how likely a column is, the lowest first; None when it is no candidate."""
    import pyarrow as pa

    is_date = pa.types.is_date(field.type)
    if not (is_date or pa.types.is_timestamp(field.type)):
        return None
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", field.name).lower()
    rank = next((number for number, stem in enumerate(_STEMS) if stem.search(words)), None)
    return None if rank is None else (rank, is_date)
