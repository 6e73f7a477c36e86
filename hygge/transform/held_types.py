"""The types of the store's columns, for homes that infer types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from hygge.settings.move import MoveSettings
from hygge.transform.shape import stored_name

if TYPE_CHECKING:
    import pyarrow as pa


def held_types(
    settings: MoveSettings,
    pinned: Mapping[str, str] | None,
    schema: Callable[[], pa.Schema | None],
) -> Callable[[str], pa.DataType | None]:
    """Return a function from a column's name in the home to its type in the store.

    It returns None for a column that the store lacks or that the flow casts or masks. A type in the
    flow's lock file takes precedence over the store's. `schema` returns the store's columns; it is
    called once, on first use.
    """
    columns = cache(schema)

    def held(name: str) -> pa.DataType | None:
        wanted = settings.columns.get(name)
        if wanted is not None and (wanted.type is not None or wanted.mask is not None):
            return None
        known = _pinned_type((pinned or {}).get(name, ""))
        if known is not None:
            return known
        found = columns()
        place = -1 if found is None else found.get_field_index(stored_name(name, settings))
        return None if found is None or place < 0 else found.field(place).type

    return held


def _pinned_type(text: str) -> pa.DataType | None:
    """Return the plain type of an entry in a lock file, without what follows it."""
    import pyarrow as pa

    try:
        return pa.type_for_alias(text.split(" ")[0])
    except ValueError:
        return None
