"""Columns as JSON text, nested ones too, built by Arrow's string kernels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hygge.connectors.files.formats import map_type
from hygge.connectors.files.text.values import fit_text, texts
from hygge.errors import StoreError
from hygge.types.unfit import UnfitError

if TYPE_CHECKING:
    import pyarrow as pa

_CONTROL = [chr(code) for code in range(0x20)]


def fit_json(kind: pa.DataType) -> pa.DataType:
    """Return the type to write as JSON for `kind`; raises `UnfitError` for bytes."""
    return map_type(kind, _fit_leaf)


def _fit_leaf(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return kind
    is_bytes = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    if is_bytes or pa.types.is_fixed_size_binary(kind) or pa.types.is_binary_view(kind):
        raise UnfitError("JSON does not support bytes")
    return fit_text(kind)


def nested_text(column: str, values: pa.Array) -> pa.Array:
    """Return lists, structs or maps as JSON, where null is null; see `value_text`."""
    return _valid_text(column, values)


def rows_text(batch: pa.RecordBatch) -> pa.Array:
    """Return each row as one JSON object, ended by a line end. Nulls are written as null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    fields = _members(batch.schema.names, batch.columns)
    return pc.binary_join_element_wise("{", *fields, pa.scalar("}\n"), "")


def _members(names: list[str], columns: list[pa.Array]) -> list[pa.Array | str]:
    fields: list[pa.Array | str] = []
    for name, values in zip(names, columns, strict=True):
        fields += [("," if fields else "") + json.dumps(name, ensure_ascii=False) + ":"]
        fields += [value_text(name, values)]
    return fields


def value_text(column: str, values: pa.Array) -> pa.Array:
    """Return each value as JSON, without nulls: null is `null`.

    Whole numbers, floats and booleans are JSON's own; decimals are strings, because most readers
    take a JSON number for a float; dates and times are ISO 8601 strings. A map is a list of
    objects with `key` and `value`. Raises `StoreError` for NaN and infinity.
    """
    import pyarrow.compute as pc

    return pc.fill_null(_valid_text(column, values), "null")


def _valid_text(column: str, values: pa.Array) -> pa.Array:
    import pyarrow as pa

    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        return _valid_text(column, values.storage)
    if pa.types.is_dictionary(kind):
        return _valid_text(column, values.dictionary).take(values.indices)
    if pa.types.is_struct(kind):
        return _struct_text(column, values)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _list_text(values, value_text(column, values.flatten()))
    if pa.types.is_fixed_size_list(kind):
        return _valid_text(column, values.cast(pa.list_(kind.value_field)))
    if pa.types.is_map(kind):
        return _map_text(column, values)
    if pa.types.is_floating(kind):
        _refuse_nan(column, values)
    text = texts(column, values)
    is_bare = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return text if is_bare else _string_text(text)


def _string_text(text: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    if pc.any(pc.match_substring_regex(text, r'["\\\x00-\x1f]')).as_py():
        text = pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), '"', '\\"')
        if pc.any(pc.match_substring_regex(text, r"[\x00-\x1f]")).as_py():
            for letter in _CONTROL:
                text = pc.replace_substring(text, letter, json.dumps(letter)[1:-1])
    return pc.binary_join_element_wise('"', text, '"', "")


def _struct_text(column: str, values: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [values.type.field(i).name for i in range(values.type.num_fields)]
    if not names:
        return pc.if_else(pc.is_valid(values), "{}", pa.scalar(None, pa.string()))
    members = _members([f"{name}" for name in names], values.flatten())
    text = pc.binary_join_element_wise("{", *members, "}", "")
    return pc.if_else(pc.is_valid(values), text, pa.scalar(None, pa.string()))


def _list_text(values: pa.Array, items: pa.Array) -> pa.Array:
    """Join `items`, the text of all values in valid lists, list by list."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(values), 0).cast(pa.int32())
    ends = pc.cumulative_sum(lengths)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, items), ",")
    text = pc.binary_join_element_wise("[", joined, "]", "")
    return pc.if_else(pc.is_valid(values), text, pa.scalar(None, pa.string()))


def _map_text(column: str, values: pa.Array) -> pa.Array:
    import pyarrow as pa

    entries = pa.list_(pa.struct([("key", values.type.key_type), ("value", values.type.item_type)]))
    return _valid_text(column, values.cast(entries))


def _refuse_nan(column: str, values: pa.Array) -> None:
    import pyarrow.compute as pc

    wrong = values.filter(pc.invert(pc.is_finite(values)))
    if len(wrong.drop_null()):
        raise StoreError(
            f"column '{column}' contains {wrong.drop_null()[0]}, which is not a JSON number",
            hint=f"write the column as text with  columns: {{{column}: {{type: string}}}}, or "
            f'exclude it with  select: ["-{column}"]',
        )
