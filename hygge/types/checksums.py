"""Checksums that do not depend on the order of rows, by Arrow's own kernels.

Every value is hashed to 64 bits. A column's checksum is the sum of its hashes; a row's hash is
computed from those of its cells. All arithmetic is modulo 2**64. Additional memory is a small
multiple of the batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from hygge.types.casting import exact_cast

if TYPE_CHECKING:
    import pyarrow as pa

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
_STEPS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_NULL = 0x243F6A8885A308D3
_ROW = 0x100000001B3 * _GOLDEN & _MASK | 1
_BASE = 0x5851F42D4C957F2D
"""Odd, so that it has an inverse modulo 2**64, which makes a text's hash independent of its offset.
"""
_LONG = 512
"""Longer texts are hashed one by one; the overhead per byte is small."""
_SLICE = 2**20
"""Bytes of text that are hashed at once."""


def plain(kind: pa.DataType) -> pa.DataType:
    """Return the type in which values of `kind` are compared."""
    import pyarrow as pa

    if kind == pa.uuid():
        return pa.string()
    if isinstance(kind, pa.BaseExtensionType):
        return plain(kind.storage_type)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return plain(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    return kind


def as_plain(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return values as a plain type; raises like `exact_cast` where they do not fit.

    Between two float types the nearest value is taken: text formats write the shortest text.
    """
    import pyarrow as pa

    if isinstance(array.type, pa.BaseExtensionType) and array.type != pa.uuid():
        array = array.storage
    if pa.types.is_floating(array.type) and pa.types.is_floating(kind):
        return array.cast(kind, safe=False)
    return exact_cast(array, kind)


def hashes(array: pa.Array) -> pa.UInt64Array:
    """Return the hash (uint64) of every value of an array of a plain type, also of nulls.

    All NaNs are equal, and -0.0 equals 0.0.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_null(array.type):
        return pa.repeat(_number(_NULL), len(array))
    found = _hashes_of_kind(array)
    if array.null_count:
        found = pc.if_else(pc.is_valid(array), found, _number(_NULL))
    return found


def row_hashes(columns: Sequence[pa.UInt64Array]) -> pa.UInt64Array:
    """Return the hash (uint64) of every row, from the hashes of its cells in order."""
    import pyarrow.compute as pc

    total = columns[0]
    for column in columns[1:]:
        total = pc.add(pc.multiply(total, _number(_ROW)), column)
    return _mixed(total)


def total_of(numbers: pa.UInt64Array) -> int:
    """Return the sum of hashes modulo 2**64."""
    import pyarrow.compute as pc

    return (pc.sum(numbers).as_py() or 0) & _MASK


def _hashes_of_kind(array: pa.Array) -> pa.UInt64Array:
    import pyarrow as pa

    is_, kind = pa.types, array.type
    if is_.is_string(kind) or is_.is_binary(kind):
        return pa.concat_arrays([_number_array([]), *map(_text_hashes, _sliced(array))])
    if is_.is_decimal(kind) and kind.bit_width % 64 == 0:
        return _wide_hashes(array, kind.bit_width // 64)
    if is_.is_fixed_size_binary(kind):
        return hashes(array.cast(pa.binary()))
    if is_.is_struct(kind):
        return row_hashes([_number_array([0] * len(array)), *map(hashes, array.flatten())])
    if is_.is_map(kind):
        return _list_hashes(array.cast(pa.list_(pa.struct(list(kind.field(0).type)))))
    if is_.is_fixed_size_list(kind) or is_.is_large_list(kind):
        return _list_hashes(array.cast(pa.list_(kind.value_type)))
    if is_.is_list(kind):
        return _list_hashes(array)
    return _mixed(_words(array))


def _words(array: pa.Array) -> pa.UInt64Array:
    """Return values of at most 64 bits as 64-bit words."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_, kind = pa.types, array.type
    if is_.is_floating(kind):
        # Adding zero turns -0.0 into 0.0.
        doubles = pc.add(array.cast(pa.float64()), pa.scalar(0.0))
        doubles = pc.if_else(pc.is_nan(doubles), pa.scalar(float("nan")), doubles)
        return doubles.view(pa.uint64())
    if is_.is_boolean(kind) or is_.is_unsigned_integer(kind):
        return array.cast(pa.uint64())
    if is_.is_interval(kind) or kind.bit_width > 64:
        return hashes(pa.array([str(value) for value in array], pa.string()))
    if is_.is_decimal(kind):
        array = array.cast(pa.decimal128(kind.precision, kind.scale))
        return _wide_hashes(array, 2)
    whole = array.view({32: pa.int32(), 64: pa.int64()}.get(kind.bit_width, kind))
    return whole.cast(pa.int64()).view(pa.uint64())


def _wide_hashes(array: pa.Array, words: int) -> pa.UInt64Array:
    """Return the hashes of values of several words each."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(array):
        return _number_array([])
    first, count = array.offset * words, len(array) * words
    flat = pa.Array.from_buffers(pa.uint64(), count, [None, array.buffers()[1]], offset=first)
    rows = pa.FixedSizeListArray.from_arrays(flat, words)
    return row_hashes([_mixed(pc.list_element(rows, place)) for place in range(words)])


def _list_hashes(array: pa.ListArray) -> pa.UInt64Array:
    """Return the hashes of lists from the hashes and positions of their elements."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(array), 0).cast(pa.uint64())
    ends = pc.cumulative_sum(lengths)
    starts = pc.subtract(ends, lengths)
    values = array.flatten()
    marks = pa.concat_arrays([_number_array([0]), ends]).cast(pa.int32())
    # Elements of null lists are not counted.
    parents = pc.list_parent_indices(pa.ListArray.from_arrays(marks, values))
    elements = hashes(values)
    places = pc.subtract(_counted(len(elements)), starts.take(parents))
    numbers = _mixed(pc.add(elements, pc.multiply(places, _number(_ROW))))
    sums = pa.concat_arrays([_number_array([0]), pc.cumulative_sum(numbers)])
    found = pc.subtract(sums.take(ends), sums.take(starts))
    return _mixed(pc.add(found, lengths))


def _sliced(array: pa.Array) -> Iterator[pa.Array]:
    """Yield texts in slices of bounded size."""
    rows = len(array)
    if rows <= 1 or _text_bytes(array) <= _SLICE:
        yield array
        return
    yield from _sliced(array.slice(0, rows // 2))
    yield from _sliced(array.slice(rows // 2))


def _offsets(array: pa.Array) -> pa.Int32Array:
    import pyarrow as pa

    whole = len(array) + 1
    buffers = [None, array.buffers()[1]]
    return pa.Array.from_buffers(pa.int32(), whole, buffers, offset=array.offset)


def _text_bytes(array: pa.Array) -> int:
    offsets = _offsets(array)
    size: int = offsets[-1].as_py() - offsets[0].as_py()
    return size


def _text_hashes(array: pa.Array) -> pa.UInt64Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.binary_length(array), 0)
    if _text_bytes(array) <= _SLICE and not pc.any(pc.greater(lengths, _LONG)).as_py():
        return _short_hashes(array, lengths)
    is_long = pc.greater(lengths, _LONG)
    texts = array.cast(pa.binary())
    short = pc.if_else(is_long, pa.scalar(b""), texts)
    found = _short_hashes(short, pc.fill_null(pc.binary_length(short), 0))
    digests = [hashlib.blake2b(one.as_buffer(), digest_size=8) for one in texts.filter(is_long)]
    numbers = _number_array([int.from_bytes(one.digest(), "little") for one in digests])
    return pc.replace_with_mask(found, is_long, numbers)


def _short_hashes(array: pa.Array, lengths: pa.Array) -> pa.UInt64Array:
    """Return the hashes of texts: polynomials of their bytes, by one cumulative sum."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(array):
        return _number_array([])
    offsets = _offsets(array)
    first, last = offsets[0].as_py(), offsets[-1].as_py()
    data = array.buffers()[2] or pa.py_buffer(b"")
    letters = pa.Array.from_buffers(pa.uint8(), last - first, [None, data], offset=first)
    weighed = pc.multiply(_alphabet().take(letters), _powers(_BASE, len(letters)))
    sums = pa.concat_arrays([_number_array([0]), pc.cumulative_sum(weighed)])
    marks = pc.subtract(offsets, first)
    starts, ends = marks.slice(0, len(array)), marks.slice(1)
    inside = pc.subtract(sums.take(ends), sums.take(starts))
    inverse = _powers(pow(_BASE, -1, 2**64), len(letters) + 1).take(starts)
    sized = pc.multiply(lengths.cast(pa.uint64()), _number(_GOLDEN))
    return _mixed(pc.add(pc.multiply(inside, inverse), sized))


@cache
def _alphabet() -> pa.UInt64Array:
    return _mixed(_counted(256))


def _powers(base: int, count: int) -> pa.UInt64Array:
    """Return the first powers of a number."""
    room = 2 ** max(count - 1, 1).bit_length()
    return _all_powers(base, room).slice(0, count)


@cache
def _all_powers(base: int, count: int) -> pa.UInt64Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    rest = pc.cumulative_prod(pa.repeat(_number(base), count - 1))
    return pa.concat_arrays([_number_array([1]), rest])


def _counted(count: int) -> pa.UInt64Array:
    """Return the numbers from 0 to `count - 1`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ones = pc.cumulative_sum(pa.repeat(_number(1), count))
    return pc.subtract(ones, _number(1))


def _mixed(words: pa.UInt64Array) -> pa.UInt64Array:
    """Return mixed words: each bit depends on all bits, and the mapping is injective."""
    import pyarrow.compute as pc

    words = pc.add(words, _number(_GOLDEN))
    for shift, factor in _STEPS:
        words = pc.bit_wise_xor(words, pc.shift_right(words, _number(shift)))
        words = pc.multiply(words, _number(factor))
    return pc.bit_wise_xor(words, pc.shift_right(words, _number(31)))


def _number(value: int) -> pa.UInt64Scalar:
    import pyarrow as pa

    return pa.scalar(value, pa.uint64())


def _number_array(values: Sequence[int]) -> pa.UInt64Array:
    import pyarrow as pa

    return pa.array(values, pa.uint64())
