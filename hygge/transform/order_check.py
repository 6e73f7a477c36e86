"""Check for columns that a store must compare and would compare wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hygge.connector import StoreConfig
from hygge.errors import FlowError
from hygge.settings.move import MoveSettings
from hygge.transform.shape import stored_dedupe, stored_key, stored_name
from hygge.types.ordering import Order, order_of, type_of
from hygge.values.model import Mode, Span

if TYPE_CHECKING:
    import pyarrow as pa

_ORDERED = (None, Order.TEXT)
"""Orders that every store supports for texts."""
_ALIKE = (*_ORDERED, Order.HEXADECIMAL, Order.EQUAL)
"""Orders in which equal values have equal texts."""


def check_compared(
    settings: MoveSettings, schema: pa.Schema, store: StoreConfig, *, clears: Span | None = None
) -> None:
    """Raise `FlowError` for a column that is text in the store but has another order.

    `schema` is the staged schema. A store that converts the column back to its own type can compare
    it.
    """
    for key, name, needs_order in _compared(settings, clears):
        if name not in schema.names:
            continue
        field = schema.field(name)
        if order_of(field) in (_ORDERED if needs_order else _ALIKE) or has_own_type(store, field):
            continue
        raise _refused(key, field, settings, needs_order=needs_order)


def has_own_type(store: StoreConfig, field: pa.Field) -> bool:
    """Return whether the store's column has the same database type as the home's."""
    held = store.held_as(field)
    return held is not None and held[1] == type_of(field)


def _compared(settings: MoveSettings, clears: Span | None) -> Iterator[tuple[str, str, bool]]:
    """Yield the flow's key, a column's name in the store, and whether its order matters."""
    if settings.mode is Mode.MERGE:
        yield from (("primary_key", name, False) for name in stored_key(settings))
        by = "dedupe_by" if settings.dedupe_by else "incremental"
        yield from ((by, name, True) for name in stored_dedupe(settings))
    for check in settings.checks:
        yield from (("unique", name, False) for name in check.unique)
    if clears is not None:
        yield "--from and --to", clears.column, True


def _refused(key: str, field: pa.Field, settings: MoveSettings, *, needs_order: bool) -> FlowError:
    homes = {stored_name(name, settings): name for name in settings.columns}
    home = homes.get(field.name, field.name)
    way = "choose another column, or cast it in a view or  query:  of the home"
    why = "where it is compared differently"
    if order_of(field) is Order.NUMBER:
        way = f"give it a type with  columns: {{{home}: {{type: int64}}}}  or  decimal(38,9)"
        why = (
            'where "10" is less than "9"' if needs_order else 'where "1.0" and "1.00" are not equal'
        )
    if order_of(field) is Order.FOLDED:
        return FlowError(
            f"{key}: column '{home}' has a collation in the home that treats different texts as "
            "equal, such as a and A; here they are different",
            hint=f"compare its characters with  columns: {{{home}: {{type: string}}}}, or convert "
            "them to one case in a  query:  of the home",
            code="HG555",
        )
    return FlowError(
        f"{key}: column '{home}' is {type_of(field)} in the home and text in the store, {why}",
        hint=way,
        code="HG555",
    )
