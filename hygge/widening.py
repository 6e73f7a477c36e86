"""The narrowest Arrow type that holds every value of two types exactly, if there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_INTEGER_DIGITS = {8: 3, 16: 5, 32: 10, 64: 19}
_UNSIGNED_64_DIGITS = 20
_UNITS = ("s", "ms", "us", "ns")
_FLOAT_MANTISSA_BITS = {16: 11, 32: 24, 64: 53}


def common_type(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    """Return the type both `a` and `b` widen to without changing a value, or None.

    `null` gives way to any type. A dictionary counts as its values when the other is not one.
    Text and numbers have nothing in common, nor have timestamps with and without a zone.
    """
    import pyarrow.types as t

    if a.equals(b) or t.is_null(b):
        return a
    if t.is_null(a):
        return b
    if t.is_dictionary(a) or t.is_dictionary(b):
        return common_type(_plain(a), _plain(b))
    for family in (_numbers, _texts, _times, _nested):
        if (found := family(a, b)) is not None:
            return found
    return None


def _plain(a: pa.DataType) -> pa.DataType:
    import pyarrow.types as t

    return a.value_type if t.is_dictionary(a) else a


def _numbers(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    import pyarrow.types as t

    if t.is_integer(a) and t.is_integer(b):
        return _integers(a, b)
    if t.is_floating(a) and t.is_floating(b):
        return a if a.bit_width >= b.bit_width else b
    if t.is_floating(a) and t.is_integer(b):
        return _float_and_integer(a, b)
    if t.is_floating(b) and t.is_integer(a):
        return _float_and_integer(b, a)
    if (t.is_decimal(a) or t.is_integer(a)) and (t.is_decimal(b) or t.is_integer(b)):
        return _decimals(a, b)
    return None


def _integers(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    import pyarrow as pa
    import pyarrow.types as t

    if t.is_signed_integer(a) == t.is_signed_integer(b):
        return a if a.bit_width >= b.bit_width else b
    signed, unsigned = (a, b) if t.is_signed_integer(a) else (b, a)
    if signed.bit_width > unsigned.bit_width:
        return signed
    return {8: pa.int16(), 16: pa.int32(), 32: pa.int64()}.get(unsigned.bit_width)


def _float_and_integer(real: pa.DataType, whole: pa.DataType) -> pa.DataType | None:
    import pyarrow as pa

    if whole.bit_width < _FLOAT_MANTISSA_BITS[real.bit_width]:
        return real
    return pa.float64() if whole.bit_width < _FLOAT_MANTISSA_BITS[64] else None


def _decimals(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    import pyarrow as pa

    (whole_a, scale_a), (whole_b, scale_b) = _digits(a), _digits(b)
    scale = max(scale_a, scale_b)
    precision = max(whole_a, whole_b) + scale
    if precision > 76:
        return None
    return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)


def _digits(a: pa.DataType) -> tuple[int, int]:
    import pyarrow.types as t

    if t.is_decimal(a):
        return a.precision - a.scale, a.scale
    if t.is_uint64(a):
        return _UNSIGNED_64_DIGITS, 0
    return _INTEGER_DIGITS[a.bit_width], 0


def _texts(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    import pyarrow as pa
    import pyarrow.types as t

    for kinds, wide in (
        ((t.is_string, t.is_large_string, t.is_string_view), pa.large_string()),
        ((t.is_binary, t.is_large_binary, t.is_binary_view), pa.large_binary()),
    ):
        if any(is_kind(a) for is_kind in kinds) and any(is_kind(b) for is_kind in kinds):
            return wide
    return None


def _times(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    import pyarrow.types as t

    same = (
        (t.is_timestamp(a) and t.is_timestamp(b) and a.tz == b.tz)
        or (t.is_time(a) and t.is_time(b))
        or (t.is_duration(a) and t.is_duration(b))
    )
    if not same:
        return None
    return a if _UNITS.index(a.unit) >= _UNITS.index(b.unit) else b


def _nested(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    import pyarrow as pa
    import pyarrow.types as t

    if t.is_list(a) and t.is_list(b):
        item = common_type(a.value_type, b.value_type)
        return None if item is None else pa.list_(item)
    if t.is_large_list(a) and t.is_large_list(b):
        item = common_type(a.value_type, b.value_type)
        return None if item is None else pa.large_list(item)
    if t.is_struct(a) and t.is_struct(b):
        return _structs(a, b)
    return None


def _structs(a: pa.StructType, b: pa.StructType) -> pa.DataType | None:
    import pyarrow as pa

    fields = {field.name: field.type for field in a}
    for field in b:
        found = common_type(fields.get(field.name, field.type), field.type)
        if found is None:
            return None
        fields[field.name] = found
    return pa.struct(list(fields.items()))
