"""The order and equality of a column's values, where they are not those of its Arrow type.

A type that Arrow lacks travels as text, and texts are compared otherwise than the values: `10` is
below `9`, and `1.0` is not `1.00`. The home says in the field's metadata how the texts are to be
compared; what nobody says is not guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from hygge.types.names import NATIVE_TYPE
from hygge.types.watermarks import before, reason_against, value_of

if TYPE_CHECKING:
    import pyarrow as pa

ORDER = b"hygge.order"
"""Where the metadata of an Arrow field keeps an `Order`."""

_INFINITE = ("0", "2")
"""The keys of -Infinity and Infinity, below and above those of all other numbers."""
_MIRRORED = tuple(zip("0123456789", "jihgfedcba", strict=True))
"""Letters that stand for the digits of negative numbers, of which more is less."""
_LENGTH = 6
"""Digits of the number of digits before the point."""


class Order(StrEnum):
    """How the values of a column are compared."""

    NUMBER = "number"
    """As the numbers that the texts write out, with any number of digits: 9 is below 10."""
    HEXADECIMAL = "hexadecimal"
    """As two hexadecimal numbers with a slash between: 0/9 is below 0/10."""
    TIME = "time"
    """As times in ISO 8601, by their characters; `infinity` is above all."""
    TEXT = "text"
    """As their characters are."""
    EQUAL = "equal"
    """Equal values are equal here, and which is the higher one is not known."""
    FOLDED = "folded"
    """By a collation for which different texts may be equal: `a` and `A`, or `a` and `a `."""
    UNKNOWN = "unknown"
    """Nothing is known: different values may be equal to their database."""


def marks(order: Order | None, native: str | None = None) -> dict[bytes, bytes] | None:
    """Return the metadata of a field: how its values are compared, and what a database calls it."""
    said = {} if native is None else {NATIVE_TYPE: native.encode()}
    said |= {} if order is None else {ORDER: order.value.encode()}
    return said or None


def order_of(field: pa.Field) -> Order | None:
    """Return how the values of a column are compared; None for the way of its Arrow type."""
    said = field.metadata or {}
    try:
        return Order(said[ORDER].decode()) if ORDER in said else _unsaid(said)
    except ValueError:
        return Order.UNKNOWN


def _unsaid(said: dict[bytes, bytes]) -> Order | None:
    return Order.UNKNOWN if NATIVE_TYPE in said else None


def type_of(field: pa.Field) -> str:
    """Return what a person calls a column's type: as its database does, where that is known."""
    native = (field.metadata or {}).get(NATIVE_TYPE, b"").decode(errors="replace")
    return native.partition(":")[2] or native or str(field.type)


@dataclass(frozen=True, slots=True)
class Ordering:
    """How the values of one watermark column are compared: by keys that Arrow can compare."""

    kind: pa.DataType
    """The type of the values."""
    order: Order | None = None

    @classmethod
    def of(cls, field: pa.Field) -> Ordering:
        """Return how a column is compared; raises `ValueError` with why it cannot be a watermark.

        Arrow compares values of some types only in one that is like it.
        """
        import pyarrow as pa

        kind, order = field.type, order_of(field)
        if order is Order.FOLDED:
            raise ValueError(
                "its collation in the home takes different texts for equal, and by their "
                f"characters they are in another order ({{{field.name}: {{type: string}}}} in "
                "columns accepts that order)"
            )
        if order in (Order.EQUAL, Order.UNKNOWN):
            raise ValueError(
                f"values of type {type_of(field)} are {kind} here, and what their order is to "
                "their database is not known"
            )
        if reason := reason_against(kind):
            raise ValueError(reason)
        return cls(
            {pa.string_view(): pa.string(), pa.float16(): pa.float32()}.get(kind, kind), order
        )

    def keys(self, values: pa.Array) -> pa.Array:
        """Return values whose order and equality in Arrow are those of the column.

        A NaN becomes null. Raises `ValueError` naming a value that is not as the order says.
        """
        make = _KEYS.get(self.order) if self.order is not None else None
        return values if make is None else make(values)

    def key(self, value: pa.Scalar) -> pa.Scalar:
        """Return the key of one value."""
        import pyarrow as pa

        return value if self.order is None else self.keys(pa.repeat(value, 1))[0]

    def value_of(self, text: str) -> pa.Scalar:
        """Return the value that a text stands for; raises `ValueError` when it stands for none."""
        value = value_of(text, self.kind)
        if self.order is not None and text and not self.key(value).is_valid:
            raise ValueError(f"'{text}' has no place among the values of the column")
        return value

    def before(self, value: pa.Scalar, distance: float) -> pa.Scalar:
        """Return the value so much earlier; see `watermarks.before`."""
        from decimal import Context, Decimal

        import pyarrow as pa

        if self.order is not Order.NUMBER:
            return before(value, distance)
        number = Decimal(value.as_py())
        digits = len(number.as_tuple().digits) + abs(number.adjusted()) + 40
        lower = Context(prec=digits).subtract(number, Decimal(distance))
        return pa.scalar(f"{lower:f}", self.kind)

    def infinite(self, keys: pa.Array) -> pa.Array | None:
        """Return which keys stand for values without end; None where no value is such."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_floating(keys.type):
            return pc.fill_null(pc.is_inf(keys), False)
        if self.order is Order.NUMBER:
            return pc.is_in(keys, pa.array(_INFINITE, keys.type))
        if self.order is Order.TIME:
            return pc.is_in(keys, pa.array(["", "~"], keys.type))
        return None


def _number_keys(texts: pa.Array) -> pa.Array:
    """Return texts that are ordered as the numbers are: sign, digits before the point, digits."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = texts.cast(pa.string())
    parts = pc.extract_regex(texts, r"^(?P<sign>[-+]?)(?P<whole>\d*)\.?(?P<part>\d*)$")
    _check_read(texts, pc.or_(pc.is_valid(parts), pc.match_substring_regex(texts, _SPECIAL)))
    sign, whole, part = (pc.struct_field(parts, name) for name in ("sign", "whole", "part"))
    whole, part = pc.utf8_ltrim(whole, "0"), pc.utf8_rtrim(part, "0")
    length = pc.utf8_lpad(pc.utf8_length(whole).cast(pa.string()), _LENGTH, "0")
    size = pc.binary_join_element_wise(length, whole, part, "")
    is_zero = pc.equal(size, "0" * _LENGTH)
    is_less = pc.and_not(pc.equal(sign, "-"), is_zero)
    keys = pc.if_else(is_less, _mirrored(size, is_less), pc.binary_join_element_wise("1", size, ""))
    for text, key in (("Infinity", _INFINITE[1]), ("-Infinity", _INFINITE[0]), ("", "")):
        keys = pc.if_else(pc.equal(texts, text), pa.scalar(key, pa.string()), keys)
    return keys


_SPECIAL = r"^(-?Infinity|NaN)$"


def _mirrored(sizes: pa.Array, is_less: pa.Array) -> pa.Array:
    """Return keys of negative numbers; of others, nothing that counts."""
    import pyarrow.compute as pc

    if not pc.any(is_less).as_py():
        return sizes
    for digit, letter in _MIRRORED:
        sizes = pc.replace_substring(sizes, pattern=digit, replacement=letter)
    return pc.binary_join_element_wise("0", sizes, "~", "")


def _hexadecimal_keys(texts: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = texts.cast(pa.string())
    parts = pc.extract_regex(texts, r"^(?P<high>[0-9A-Fa-f]{0,8})/?(?P<low>[0-9A-Fa-f]{0,8})$")
    _check_read(texts, pc.is_valid(parts))
    padded = [
        pc.utf8_lpad(pc.utf8_upper(pc.struct_field(parts, name)), 8, "0")
        for name in ("high", "low")
    ]
    return pc.binary_join_element_wise(*padded, "")


def _time_keys(texts: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = texts.cast(pa.string())
    _check_read(texts, pc.match_substring_regex(texts, r"^(\d{4}-\d\d-\d\d[^B]*|-?infinity|)$"))
    keys = pc.if_else(pc.equal(texts, "infinity"), "~", texts)
    return pc.if_else(pc.equal(texts, "-infinity"), "", keys)


def _check_read(texts: pa.Array, is_read: pa.Array) -> None:
    """Raise `ValueError` for a text that is not as the order says."""
    import pyarrow.compute as pc

    at = pc.index(pc.or_kleene(is_read, pc.is_null(texts)), False).as_py()
    if at >= 0:
        raise ValueError(f"'{texts[at].as_py()[:80]}' has no place among the values of the column")


_KEYS: dict[Order, Callable[[pa.Array], pa.Array]] = {
    Order.NUMBER: _number_keys,
    Order.HEXADECIMAL: _hexadecimal_keys,
    Order.TIME: _time_keys,
}
