"""The common type that holds every value of two types exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

MAX_WHOLE_DOUBLE = 2**53
"""The largest integer up to which doubles represent every integer."""
_UNITS = ("s", "ms", "us", "ns")
_UTC = frozenset({"UTC", "Etc/UTC", "+00:00", "Z"})


def wider(one: pa.DataType, two: pa.DataType) -> pa.DataType | None:
    """Return a type that holds the values of both exactly, or None; null widens to any type."""
    import pyarrow.types as is_

    if one == two or is_.is_null(two):
        return one
    if is_.is_null(one):
        return two
    if _is_coded(one) or _is_coded(two):
        return wider(*(kind.value_type if _is_coded(kind) else kind for kind in (one, two)))
    rules = (_wider_number, _wider_time, _wider_bytes, _wider_nested)
    return next((found for rule in rules if (found := rule(one, two)) is not None), None)


def _is_coded(kind: pa.DataType) -> bool:
    import pyarrow.types as is_

    return bool(is_.is_dictionary(kind) or is_.is_run_end_encoded(kind))


def _wider_number(one: pa.DataType, two: pa.DataType) -> pa.DataType | None:
    import pyarrow.types as is_

    if is_.is_integer(one) and is_.is_integer(two):
        return _wider_integer(one, two)
    if is_.is_floating(one) and is_.is_floating(two):
        return max(one, two, key=lambda t: int(t.bit_width))
    if is_.is_floating(one) or is_.is_floating(two):
        return _float_for(one, two)
    return _wider_decimal(one, two)


def _wider_integer(one: pa.DataType, two: pa.DataType) -> pa.DataType | None:
    import pyarrow as pa

    signed = [t for t in (one, two) if pa.types.is_signed_integer(t)]
    if len(signed) != 1:
        return max(one, two, key=lambda t: int(t.bit_width))
    unsigned = two if signed[0] == one else one
    bits = max(signed[0].bit_width, 2 * unsigned.bit_width)
    return {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}.get(bits)


def _float_for(one: pa.DataType, two: pa.DataType) -> pa.DataType | None:
    import pyarrow as pa

    real, whole = (one, two) if pa.types.is_floating(one) else (two, one)
    if not pa.types.is_integer(whole) or whole.bit_width > 32:
        return None
    if whole.bit_width <= 16:
        return max(real, pa.float32(), key=lambda t: int(t.bit_width))
    return pa.float64()


def _wider_decimal(one: pa.DataType, two: pa.DataType) -> pa.DataType | None:
    import pyarrow as pa

    shapes = [_decimal_shape(one), _decimal_shape(two)]
    known = [shape for shape in shapes if shape is not None]
    if len(known) < 2:
        return None
    scale = max(scale for _, scale in known)
    precision = scale + max(precision - scale for precision, scale in known)
    if precision > 76:
        return None
    return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)


def _decimal_shape(kind: pa.DataType) -> tuple[int, int] | None:
    import pyarrow.types as is_

    if is_.is_decimal(kind):
        return kind.precision, kind.scale
    if is_.is_integer(kind):
        return {8: 3, 16: 5, 32: 10, 64: 20}[kind.bit_width], 0
    return None


def _wider_time(one: pa.DataType, two: pa.DataType) -> pa.DataType | None:
    import pyarrow as pa

    is_ = pa.types
    if is_.is_date(one) and is_.is_date(two):
        return pa.date64()
    if is_.is_timestamp(one) and is_.is_timestamp(two):
        same = one.tz == two.tz or {one.tz, two.tz} <= _UTC
        return pa.timestamp(_finer(one, two), one.tz) if same else None
    if is_.is_duration(one) and is_.is_duration(two):
        return pa.duration(_finer(one, two))
    if is_.is_time(one) and is_.is_time(two):
        unit = _finer(one, two)
        return pa.time32(unit) if unit in ("s", "ms") else pa.time64(unit)
    return None


def _finer(one: pa.DataType, two: pa.DataType) -> str:
    return _UNITS[max(_UNITS.index(one.unit), _UNITS.index(two.unit))]


def _wider_bytes(one: pa.DataType, two: pa.DataType) -> pa.DataType | None:
    import pyarrow as pa

    is_ = pa.types
    large = any(is_.is_large_string(t) or is_.is_large_binary(t) for t in (one, two))
    if all(_is_text(t) for t in (one, two)):
        return pa.large_string() if large else pa.string()
    if all(_is_bytes(t) for t in (one, two)):
        return pa.large_binary() if large else pa.binary()
    return None


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow.types as is_

    return any(t(kind) for t in (is_.is_string, is_.is_large_string, is_.is_string_view))


def _is_bytes(kind: pa.DataType) -> bool:
    import pyarrow.types as is_

    tests = (is_.is_binary, is_.is_large_binary, is_.is_binary_view, is_.is_fixed_size_binary)
    return any(test(kind) for test in tests)


def _wider_nested(one: pa.DataType, two: pa.DataType) -> pa.DataType | None:
    import pyarrow as pa

    is_ = pa.types
    if is_.is_struct(one) and is_.is_struct(two):
        return _wider_struct(one, two)
    if is_.is_map(one) and is_.is_map(two):
        key, item = wider(one.key_type, two.key_type), wider(one.item_type, two.item_type)
        return None if key is None or item is None else pa.map_(key, item)
    if not all(
        is_.is_list(t) or is_.is_large_list(t) or is_.is_fixed_size_list(t) for t in (one, two)
    ):
        return None
    value = wider(one.value_type, two.value_type)
    if value is None:
        return None
    return pa.large_list(value) if any(map(is_.is_large_list, (one, two))) else pa.list_(value)


def _wider_struct(one: pa.DataType, two: pa.DataType) -> pa.DataType | None:
    import pyarrow as pa

    others = {field.name: field for field in two}
    merged = []
    for field in one:
        other = others.pop(field.name, field)
        both = wider(field.type, other.type)
        if both is None:
            return None
        merged.append(field.with_type(both).with_nullable(True))
    return pa.struct([*merged, *(field.with_nullable(True) for field in others.values())])
