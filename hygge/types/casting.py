"""Casts that change no value, also where Arrow's safe cast changes values silently."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_TIME = r"^[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?$"
_UTC = frozenset({"UTC", "Etc/UTC", "+00:00", "Z"})


def exact_cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return `array` as `kind` with unchanged values.

    A timestamp without a zone that is cast to one with a zone is taken as local time of that zone.
    Raises `pa.ArrowInvalid` where a value would change (a fraction rounded, a time of day cut off)
    and `pa.ArrowNotImplementedError` where the two types have nothing in common.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_run_end_encoded(array.type):
        array = pc.run_end_decode(array)
    if pa.types.is_dictionary(array.type) and not pa.types.is_dictionary(kind):
        array = array.cast(array.type.value_type)
    if array.type.equals(kind):
        return array
    if array.type == pa.uuid() and _is_text(kind):
        return _uuid_texts(array).cast(kind)
    if pa.types.is_timestamp(array.type) and pa.types.is_timestamp(kind):
        return _cast_timestamp(array, kind)
    cast = _cast(array, kind)
    if pa.types.is_time(array.type) and _is_text(kind):
        _check_clock(cast)
    if not _is_same(array, cast):
        raise pa.ArrowInvalid(f"a value would change as {kind}")
    return cast


def _check_clock(texts: pa.Array) -> None:
    """Raise for a local time that does not exist; Arrow's message says that it is out of range."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.any(pc.starts_with(texts, "<")).as_py():
        raise pa.ArrowInvalid("there is no such time of day")


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast; between floats and decimals by way of the shortest exact text.

    Arrow's own cast multiplies by powers of ten: 241.48 becomes 241.48000000000002.
    """
    import pyarrow as pa

    is_ = pa.types
    if _is_text(array.type) and is_.is_time(kind):
        return _read_times(array, kind)
    if is_.is_timestamp(array.type) and _is_text(kind):
        return timestamp_texts(array).cast(kind)
    kinds = (array.type, kind)
    if is_.is_integer(array.type) and is_.is_decimal(kind):
        # Arrow requires precision for every integer of the type, also where the values are small.
        array = array.cast(pa.decimal256(min(20 + kind.scale, 76), kind.scale))
    if any(map(is_.is_floating, kinds)) and any(map(is_.is_decimal, kinds)):
        array = array.cast(pa.string())
    return array.cast(kind)


def _read_times(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    """Read `texts` as times of one day: Arrow casts text to timestamps, but not to times."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.all(pc.match_substring_regex(texts, _TIME)).as_py() is False:
        raise pa.ArrowInvalid(f"a text is not a time of day for {kind}")
    on_a_day = pc.binary_join_element_wise("1970-01-01T", texts.cast(pa.string()), "")
    return on_a_day.cast(pa.timestamp(kind.unit)).cast(kind)


def timestamp_texts(array: pa.Array) -> pa.Array:
    """Return timestamps as the texts of Arrow's own cast, but faster.

    The local time is formatted without a zone, and each UTC offset once.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if kind.tz is None or pc.all(pc.is_null(array)).as_py():
        return array.cast(pa.string())
    moments = array.cast(pa.timestamp(kind.unit))
    clocks = moments if kind.tz == "UTC" else pc.local_timestamp(array)
    texts = clocks.cast(pa.string())
    if pc.any(pc.starts_with(texts, "<")).as_py():
        return zoned_texts(array)  # years that Arrow formats only with a zone
    offsets = pc.subtract(clocks.cast(pa.int64()), moments.cast(pa.int64())).dictionary_encode()
    firsts = [pc.index(offsets.indices, one).as_py() for one in range(len(offsets.dictionary))]
    whole = zoned_texts(array.take(pa.array(firsts, pa.int64()))).to_pylist()
    suffixes = [
        text[len(texts[first].as_py()) :] for text, first in zip(whole, firsts, strict=True)
    ]
    found = pa.array(suffixes, pa.string()).take(offsets.indices)
    return pc.binary_join_element_wise(texts, found, "")


def zoned_texts(array: pa.Array) -> pa.Array:
    """Return timestamps as texts by Arrow's own cast, which takes microseconds per value."""
    import pyarrow as pa

    return array.cast(pa.string())


def _uuid_texts(array: pa.Array) -> pa.Array:
    """Return UUIDs as texts of `8-4-4-4-12` digits, for which Arrow has no cast."""
    import pyarrow as pa
    import pyarrow.compute as pc

    storage = array.storage
    packed = pa.concat_arrays([storage])  # from the first byte of the slice
    digits = pa.array([f"{byte:02x}".encode() for byte in range(256)], pa.binary(2))
    bytes_ = pa.Array.from_buffers(pa.uint8(), 16 * len(packed), [None, packed.buffers()[1]])
    written = digits.take(bytes_).buffers()[1] if len(packed) else pa.py_buffer(b"")
    texts = pa.Array.from_buffers(pa.binary(32), len(packed), [None, written])
    whole = texts.cast(pa.binary()).cast(pa.string())
    edges = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
    parts = [pc.utf8_slice_codeunits(whole, low, high) for low, high in edges]
    return pc.if_else(pc.is_valid(storage), pc.binary_join_element_wise(*parts, "-"), None)


def _cast_timestamp(array: pa.Array, kind: pa.DataType) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if array.type.tz is None and kind.tz is not None and kind.tz not in _UTC:
        return pc.assume_timezone(array.cast(pa.timestamp(kind.unit)), kind.tz)
    if kind.tz is None and array.type.tz is not None and array.type.tz not in _UTC:
        raise pa.ArrowNotImplementedError("the zone would be lost")
    return array.cast(kind)


def _is_same(before: pa.Array, after: pa.Array) -> bool:
    import pyarrow as pa

    is_ = pa.types
    if all(_is_list(array.type) for array in (before, after)):
        return _is_same(before.flatten(), after.flatten())
    if is_.is_floating(after.type) and _is_text(before.type):
        return _has_no_new_infinity(before, after)
    return not _may_change(before.type, after.type) or _comes_back(before, after)


def _may_change(before: pa.DataType, after: pa.DataType) -> bool:
    """Return whether Arrow's checks miss a changed value between these two types."""
    import pyarrow as pa

    is_ = pa.types
    if is_.is_floating(before):
        narrows = is_.is_floating(after) and after.bit_width < before.bit_width
        return bool(narrows or is_.is_decimal(after) or is_.is_boolean(after))
    if is_.is_decimal(before):
        return bool(is_.is_floating(after) or is_.is_boolean(after))
    if is_.is_timestamp(before):
        return bool(is_.is_date(after) or is_.is_time(after))
    return bool(is_.is_integer(before) and is_.is_boolean(after))


def _comes_back(before: pa.Array, after: pa.Array) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    back = _cast(after, before.type)
    same = pc.equal(back, before)
    if pa.types.is_floating(before.type):
        same = pc.or_(same, pc.and_(pc.is_nan(back), pc.is_nan(before)))
    return bool(pc.all(same).as_py() is not False)


def _has_no_new_infinity(before: pa.Array, after: pa.Array) -> bool:
    import pyarrow.compute as pc

    infinite = pc.is_inf(after)
    if not pc.any(infinite).as_py():
        return True
    said = pc.match_substring_regex(before, "^[+-]?inf", ignore_case=True)
    return bool(pc.all(pc.or_(said, pc.invert(infinite))).as_py())


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow.types as is_

    return bool(is_.is_list(kind) or is_.is_large_list(kind) or is_.is_fixed_size_list(kind))


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow.types as is_

    return bool(is_.is_string(kind) or is_.is_large_string(kind) or is_.is_string_view(kind))
