"""Arrow batches as the text format of LOAD DATA or INSERT, exactly and vectorized."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Style:
    """The text format of a row."""

    between: bytes
    null: bytes
    escapes: Sequence[tuple[bytes, bytes]]
    """Replacements inside texts, in this order."""
    quotes: Sequence[bytes] = (b"", b"", b"")
    """Prefix of a text, prefix of bytes, suffix of both."""


FILE = Style(b"\t", rb"\N", ((b"\\", rb"\\"), (b"\t", rb"\t"), (b"\n", rb"\n")))
"""The format of LOAD DATA: https://mariadb.com/kb/en/load-data-infile/"""
STATEMENT = Style(b",", b"NULL", ((b"\\", rb"\\"), (b"'", rb"\'")), (b"'", b"_binary'", b"'"))
"""The format of INSERT ... VALUES."""


def row_texts(batch: pa.RecordBatch, style: Style) -> pa.Array:
    """Return one text for each row of a batch, as a binary array."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = [_column(column, style) for column in batch.columns]
    return pc.binary_join_element_wise(*columns, pa.scalar(style.between, pa.binary()))


def joined(texts: pa.Array, before: bytes, between: bytes, after: bytes) -> bytes:
    """Return the concatenation of texts with a prefix, separators and a suffix."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ends = pa.array([0, len(texts)], pa.int32())
    text = pc.binary_join(pa.ListArray.from_arrays(ends, texts), between)[0]
    return b"".join([before, text.as_buffer(), after])


def _column(column: pa.Array, style: Style) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = _plain(column)
    if _is_free(column.type):
        for sign, escape in style.escapes:
            texts = pc.replace_substring(texts, pattern=sign, replacement=escape)
    before_text, before_bytes, after = style.quotes
    if after and _is_text(column.type):
        before = before_bytes if _is_bytes(column.type) else before_text
        signs = [pa.scalar(sign, pa.binary()) for sign in (before, after, b"")]
        texts = pc.binary_join_element_wise(signs[0], texts, signs[1], signs[2])
    return pc.fill_null(texts, pa.scalar(style.null, pa.binary()))


def _plain(column: pa.Array) -> pa.Array:
    """Return the text of each value, or its bytes."""
    import pyarrow as pa

    is_, kind = pa.types, column.type
    if isinstance(kind, pa.BaseExtensionType):
        column = column.storage
    elif is_.is_boolean(kind):
        column = column.cast(pa.int8()).cast(pa.string())
    elif is_.is_float32(kind):
        # The server parses a number as a double first, so all its digits are written.
        column = column.cast(pa.float64()).cast(pa.string())
    elif is_.is_timestamp(kind):
        column = column.cast(pa.timestamp(kind.unit)).cast(pa.string())
    elif not is_.is_string(kind) and not _is_bytes(kind):
        column = column.cast(pa.string())
    return column.cast(pa.binary())


def _is_bytes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    is_ = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    return bool(is_.is_binary(kind) or is_.is_fixed_size_binary(kind))


def _is_free(kind: pa.DataType) -> bool:
    """Return whether the text of a value may contain any character."""
    import pyarrow as pa

    return bool(pa.types.is_string(kind)) or _is_bytes(kind)


def _is_text(kind: pa.DataType) -> bool:
    """Return whether a value is quoted: also floats, which lose digits as number literals."""
    import pyarrow as pa

    is_ = pa.types
    return _is_free(kind) or bool(is_.is_temporal(kind) or is_.is_floating(kind))


class Zeros:
    """Checks floats for values that the server cannot store: raises, or warns once per column."""

    def __init__(self, *, keeps_sign: bool) -> None:
        self._keeps_sign = keeps_sign
        self._told: set[str] = set()

    def check(self, batches: Sequence[pa.RecordBatch], table: str) -> None:
        """Raise `StoreError` for NaN and infinity; warn for -0.0, which MariaDB stores as 0."""
        import pyarrow as pa

        for batch in batches:
            for field, column in zip(batch.schema, batch.columns, strict=True):
                if pa.types.is_floating(field.type):
                    self._check(field.name, column, table)

    def _check(self, name: str, column: pa.Array, table: str) -> None:
        import pyarrow.compute as pc

        if pc.all(pc.is_finite(column)).as_py() is False:
            raise _not_finite(name, table)
        if not self._keeps_sign and name not in self._told and _has_negative_zero(column):
            self._told.add(name)
            log.warning("column '%s' of %s has -0.0, which MariaDB stores as 0", name, table)


def _has_negative_zero(column: pa.Array) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = pa.int64() if pa.types.is_float64(column.type) else pa.int32()
    lowest = pa.scalar(-(2 ** (whole.bit_width - 1)), whole)
    return bool(pc.any(pc.equal(column.view(whole), lowest)).as_py())


def _not_finite(column: str, table: str) -> StoreError:
    return StoreError(
        f"column '{column}' contains NaN or infinity, which {table} cannot store",
        hint="replace them by null in a query of the home, or cast the column to text with  "
        f"columns: {{{column}: {{type: string}}}}",
        code="HG535",
    )
