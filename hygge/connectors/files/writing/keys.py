"""Keys of rows as one column, for look-ups with Arrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hygge.types.casting import exact_cast

if TYPE_CHECKING:
    import pyarrow as pa


def keys_of(batch: pa.RecordBatch, columns: Sequence[str]) -> pa.Array:
    """Return one value per row, equal for rows with equal values in `columns`.

    A single column of a type that Arrow can look up is used directly; others are concatenated with
    length prefixes. Null where one of them is null.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(columns) == 1 and _can_be_found(batch.schema.field(columns[0]).type):
        return batch.column(columns[0])
    pieces = []
    for name in columns:
        value = _bytes(batch.column(name))
        length = pc.binary_length(value).cast(pa.string()).cast(pa.binary())
        pieces += [length, pa.scalar(b":", pa.binary()), value]
    return pc.binary_join_element_wise(*pieces, pa.scalar(b"", pa.binary()))


def _can_be_found(kind: pa.DataType) -> bool:
    import pyarrow as pa

    is_ = pa.types
    return any(test(kind) for test in (is_.is_integer, is_.is_string, is_.is_binary))


def _bytes(array: pa.Array) -> pa.Array:
    import pyarrow as pa

    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    is_ = pa.types
    tests = (is_.is_binary, is_.is_large_binary, is_.is_fixed_size_binary, is_.is_binary_view)
    if any(test(array.type) for test in tests):
        return array.cast(pa.binary())
    return exact_cast(array, pa.string()).cast(pa.binary())


def shown(batch: pa.RecordBatch, columns: Sequence[str], row: int) -> dict[str, str]:
    """Return a key as text for messages."""
    return {name: str(batch.column(name)[row]) for name in columns}
