"""Short digests of the values of a few rows, to recognize the rows in another run."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

DIGEST = 12
"""Characters of the digest of one value."""
_WHOLE = {"window": 2**31 - 1, "container_window": 2**31 - 1}


def digests(rows: pa.RecordBatch) -> list[str]:
    """Return one text per row: the digests of its values, in column order."""
    columns = [[_digest(text) for text in _texts(array)] for array in rows.columns]
    return ["".join(row) for row in zip(*columns, strict=True)]


def _digest(text: str | None) -> str:
    if text is None:
        return "-" * DIGEST
    whole = hashlib.blake2s(text.encode(errors="surrogatepass"), digest_size=9).digest()
    return base64.urlsafe_b64encode(whole).decode()


def _texts(array: pa.Array) -> list[str | None]:
    """Return values as injective texts that do not change when a type is widened."""
    import pyarrow as pa

    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_floating(array.type):
        array = array.cast(pa.float64())
    try:
        if not _is_bytes(array.type):
            return _shortest(array)
        return [None if value is None else value.hex() for value in array.to_pylist()]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Arrow has no cast of lists and structs to text; arrays of one value are printed in full.
        ones = (array.slice(row, 1) for row in range(len(array)))
        return [None if one.null_count else one.to_string(**_WHOLE) for one in ones]


def _shortest(array: pa.Array) -> list[str | None]:
    """Return values as texts; decimals and times without the trailing zeros that widening adds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_ = pa.types
    tests = (is_.is_decimal, is_.is_timestamp, is_.is_time)
    texts = array.cast(pa.string())
    if any(test(array.type) for test in tests):
        texts = pc.replace_substring_regex(texts, r"^-?0E-\d+$", "0")
        texts = pc.replace_substring_regex(texts, r"(\.\d*?)0+(Z|E.*)?$", r"\1\2")
        texts = pc.replace_substring_regex(texts, r"\.(Z|E.*)?$", r"\1")
    return texts.to_pylist()  # type: ignore[no-any-return]


def _is_bytes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    is_ = pa.types
    tests = (is_.is_binary, is_.is_large_binary, is_.is_fixed_size_binary, is_.is_binary_view)
    return any(test(kind) for test in tests)
