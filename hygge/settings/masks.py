"""Masks of values that the store must not receive. A mask that fails stops the move."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Mask = Literal["hash", "redact", "partial", "null"]
REDACTED = "***"
_SHOWN = 4
"""Trailing characters that `partial` keeps."""
_SHORT = 8
"""Texts up to this many characters are masked completely."""
_ADDRESS = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_HASH_BYTES = 16


def masked_type(kind: pa.DataType, mask: Mask) -> pa.DataType:
    """Return the type of a masked column: text, or the original type for `null`."""
    import pyarrow as pa

    return kind if mask == "null" else pa.string()


def masked(array: pa.Array, mask: Mask, salt: bytes | None) -> pa.Array:
    """Return the masked values; nulls stay nulls.

    `hash` maps equal values to equal texts, by BLAKE2b keyed with the project's salt. Raises
    `pa.ArrowException` for values without a text form, and `ValueError` for a hash without a salt.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if mask == "null":
        return pa.nulls(len(array), array.type)
    if mask == "redact":
        is_there = pc.is_valid(array)
        return pc.if_else(is_there, REDACTED, pa.scalar(None, pa.string()))
    texts = _texts(array)
    return _partial(texts) if mask == "partial" else _hashed(texts, salt)


def _texts(array: pa.Array) -> pa.Array:
    import pyarrow as pa

    if isinstance(array.type, pa.BaseExtensionType):
        from hygge.types.casting import exact_cast

        return exact_cast(array, pa.string())
    if pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type):
        return pa.array([None if v is None else v.hex() for v in array.to_pylist()], pa.string())
    return array.cast(pa.string())


def _partial(texts: pa.Array) -> pa.Array:
    """Keep the end of each text; of an e-mail address the first character and the domain."""
    import pyarrow.compute as pc

    is_address = pc.match_substring_regex(texts, _ADDRESS)
    if not pc.any(is_address).as_py():
        return _end(texts)
    shown = pc.replace_substring_regex(texts, r"(?s)^([^@])[^@]{3,}@", r"\1***@")
    short = pc.replace_substring_regex(texts, r"(?s)^[^@]+@", "***@")
    is_short = pc.match_substring_regex(texts, r"(?s)^[^@]{1,3}@")
    return pc.if_else(is_address, pc.if_else(is_short, short, shown), _end(texts))


def _end(texts: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    length = pc.utf8_length(texts)
    end = pc.utf8_slice_codeunits(texts, -_SHOWN)
    shown = pc.binary_join_element_wise(pa.scalar("***"), end, pa.scalar(""))
    return pc.if_else(
        pc.greater(length, _SHORT), shown, pc.if_else(pc.is_valid(texts), "***", None)
    )


def _hashed(texts: pa.Array, salt: bytes | None) -> pa.Array:
    """Hash each distinct text once; Arrow has no keyed hash."""
    import pyarrow as pa

    if not salt:
        raise ValueError("mask: hash needs  mask_salt  in hygge.yml")
    coded = texts.dictionary_encode()
    key = hashlib.blake2b(salt).digest()

    def hashed(text: str) -> str:
        return hashlib.blake2b(text.encode(), digest_size=_HASH_BYTES, key=key).hexdigest()

    hashes = pa.array(map(hashed, coded.dictionary.to_pylist()), pa.string())
    return hashes.take(coded.indices)
