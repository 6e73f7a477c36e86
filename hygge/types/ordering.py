"""The order and equality of a column's values, where they are not those of its Arrow type.

A type that Arrow lacks is moved as text, and texts compare differently from the values: `10` is
below `9`, and `1.0` is not `1.00`. The home sets in the field's metadata how the texts are
compared; without it nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from hygge.types.type_names import NATIVE_TYPE
from hygge.types.watermarks import before, reason_against, value_of

if TYPE_CHECKING:
    import pyarrow as pa

ORDER = b"hygge.order"
"""Metadata key of an Arrow field for an `Order`."""

_INFINITE = ("0", "2")
"""Keys of -Infinity and Infinity, below and above those of all other numbers."""
_MIRRORED = tuple(zip("0123456789", "jihgfedcba", strict=True))
"""Letters in descending order for the digits of negative numbers."""
_LENGTH = 6
"""Width of the field that counts the digits before the point."""


class Order(StrEnum):
    """How the values of a column are compared."""

    NUMBER = "number"
    """As decimal numbers with any number of digits: 9 is below 10."""
    HEXADECIMAL = "hexadecimal"
    """As two hexadecimal numbers separated by a slash: 0/9 is below 0/10."""
    TIME = "time"
    """As ISO 8601 times, by their characters; `infinity` is above all."""
    TEXT = "text"
    """By their characters."""
    EQUAL = "equal"
    """Equal values are equal here, and which is the higher one is not known."""
    FOLDED = "folded"
    """By a collation for which different texts may be equal: `a` and `A`, or `a` and `a `."""
    UNKNOWN = "unknown"
    """Unknown: different texts may be equal in their database."""


def marks(order: Order | None, native: str | None = None) -> dict[bytes, bytes] | None:
    """Return field metadata with the order of its values and the database's type name."""
    said = {} if native is None else {NATIVE_TYPE: native.encode()}
    said |= {} if order is None else {ORDER: order.value.encode()}
    return said or None


def order_of(field: pa.Field) -> Order | None:
    """Return the order of a column's values; None for that of its Arrow type."""
    said = field.metadata or {}
    try:
        return Order(said[ORDER].decode()) if ORDER in said else _unsaid(said)
    except ValueError:
        return Order.UNKNOWN


def _unsaid(said: dict[bytes, bytes]) -> Order | None:
    return Order.UNKNOWN if NATIVE_TYPE in said else None


def type_of(field: pa.Field) -> str:
    """Return a column's type for messages: the database's name, where known."""
    native = (field.metadata or {}).get(NATIVE_TYPE, b"").decode(errors="replace")
    return native.partition(":")[2] or native or str(field.type)


@dataclass(frozen=True, slots=True)
class Ordering:
    """The order of a watermark column's values, by keys that Arrow can compare."""

    kind: pa.DataType
    """Arrow type of the values."""
    order: Order | None = None

    @classmethod
    def of(cls, field: pa.Field) -> Ordering:
        """Return the ordering of a column; raises `ValueError` with the reason against a watermark.

        Some types are compared by Arrow only after a cast to a similar type.
        """
        import pyarrow as pa

        kind, order = field.type, order_of(field)
        if order is Order.FOLDED:
            raise ValueError(
                "its collation in the home treats different texts as equal, and orders them "
                f"otherwise than by their characters (columns: {{{field.name}: {{type: string}}}} "
                "accepts the order of characters)"
            )
        if order in (Order.EQUAL, Order.UNKNOWN):
            raise ValueError(
                f"values of type {type_of(field)} are {kind} here, and their order in their "
                "database is unknown"
            )
        if reason := reason_against(kind):
            raise ValueError(reason)
        return cls(
            {pa.string_view(): pa.string(), pa.float16(): pa.float32()}.get(kind, kind), order
        )

    def keys(self, values: pa.Array) -> pa.Array:
        """Return keys whose order and equality in Arrow are those of the values.

        NaN becomes null. Raises `ValueError` that names a value which violates the order.
        """
        make = _KEYS.get(self.order) if self.order is not None else None
        return values if make is None else make(values)

    def key(self, value: pa.Scalar) -> pa.Scalar:
        """Return the key of one value."""
        import pyarrow as pa

        return value if self.order is None else self.keys(pa.repeat(value, 1))[0]

    def value_of(self, text: str) -> pa.Scalar:
        """Return the value of a text; raises `ValueError` when it cannot be parsed."""
        value = value_of(text, self.kind)
        if self.order is not None and text and not self.key(value).is_valid:
            raise ValueError(f"'{text}' cannot be compared with the values of the column")
        return value

    def before(self, value: pa.Scalar, distance: float) -> pa.Scalar:
        """Return the value that is `distance` lower; see `watermarks.before`."""
        from decimal import Context, Decimal

        import pyarrow as pa

        if self.order is not Order.NUMBER:
            return before(value, distance)
        number = Decimal(value.as_py())
        digits = len(number.as_tuple().digits) + abs(number.adjusted()) + 40
        lower = Context(prec=digits).subtract(number, Decimal(distance))
        return pa.scalar(f"{lower:f}", self.kind)

    def infinite(self, keys: pa.Array) -> pa.Array | None:
        """Return which keys are infinite; None for a type without infinite values."""
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
    """Return texts that are ordered like the numbers: sign, number of integer digits, digits."""
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
    """Return keys of negative numbers; for other numbers the result is meaningless."""
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
    """Raise `ValueError` for a text that violates the order."""
    import pyarrow.compute as pc

    at = pc.index(pc.or_kleene(is_read, pc.is_null(texts)), False).as_py()
    if at >= 0:
        raise ValueError(
            f"'{texts[at].as_py()[:80]}' cannot be compared with the values of the column"
        )


_KEYS: dict[Order, Callable[[pa.Array], pa.Array]] = {
    Order.NUMBER: _number_keys,
    Order.HEXADECIMAL: _hexadecimal_keys,
    Order.TIME: _time_keys,
}
