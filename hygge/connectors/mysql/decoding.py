"""Texts of the server as exact Arrow values; a value outside the type is an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hygge.errors import HomeError

if TYPE_CHECKING:
    import pyarrow as pa


def decoded(texts: pa.Array, field: pa.Field) -> pa.Array:
    """Return the values of a binary array of texts, in the type of `field`.

    Raises `HomeError` that names the column and the first value that the type cannot hold.
    """
    import pyarrow as pa

    cast = _cast_to(field.type)
    try:
        return cast(texts)
    except pa.ArrowInvalid as error:
        raise _unreadable(field, _first_odd(texts, cast)) from error


def _cast_to(kind: pa.DataType) -> Callable[[pa.Array], pa.Array]:
    import pyarrow as pa

    is_ = pa.types
    if kind == pa.uuid():
        storage = pa.binary(16)
        return lambda texts: pa.ExtensionArray.from_storage(kind, texts.cast(storage))
    if is_.is_binary(kind):
        return lambda texts: texts
    if is_.is_fixed_size_binary(kind):
        return lambda texts: texts.cast(kind)
    if is_.is_null(kind):
        return _nothing
    if is_.is_float32(kind):
        return lambda texts: texts.cast(pa.string()).cast(pa.float64()).cast(kind)
    if is_.is_timestamp(kind):
        naive = pa.timestamp(kind.unit)
        return lambda texts: texts.cast(pa.string()).cast(naive).cast(kind)
    if is_.is_time(kind):
        return lambda texts: _times(texts, kind)
    return lambda texts: texts.cast(pa.string()).cast(kind)


def _nothing(texts: pa.Array) -> pa.Array:
    import pyarrow as pa

    if texts.null_count < len(texts):
        raise pa.ArrowInvalid("a value where none is possible")
    return pa.nulls(len(texts))


def _times(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return times of day; negative times and those above 24 hours are not accepted."""
    import pyarrow as pa
    import pyarrow.compute as pc

    day = pa.scalar("1970-01-01", pa.string())
    moments = pc.binary_join_element_wise(day, texts.cast(pa.string()), " ")
    return moments.cast(pa.timestamp(kind.unit)).cast(kind)


def _first_odd(texts: pa.Array, cast: Callable[[pa.Array], pa.Array]) -> bytes:
    """Return the first value that cannot be cast, by bisection."""
    import pyarrow as pa

    while len(texts) > 1:
        half = len(texts) // 2
        first = texts.slice(0, half)
        try:
            cast(first)
        except pa.ArrowInvalid:
            texts = first
        else:
            texts = texts.slice(half)
    value: bytes = texts[0].as_py()
    return value


def _unreadable(field: pa.Field, value: bytes) -> HomeError:
    import pyarrow as pa

    shown = value[:60].decode("utf-8", "backslashreplace")
    way = "int8" if pa.types.is_boolean(field.type) else "string"
    return HomeError(
        f"column '{field.name}' contains '{shown}', which {field.type} cannot represent",
        hint=f"read it unchanged with  columns: {{{field.name}: {{type: {way}}}}}",
        code="HG508",
    )
