"""The type that holds two exactly: every value of both survives the cast to it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from hygge.testing.cases import CASES, assert_same, case_table
from hygge.types.casting import exact_cast
from hygge.types.widening import wider


@pytest.mark.parametrize("case", CASES)
def test_every_value_survives_the_wider_types(case: str) -> None:
    table = case_table(case)
    values = table["value"].combine_chunks()
    others = {case_table(other).schema.field("value").type for other in CASES}
    for other in others:
        kind = wider(values.type, other)
        assert (kind is None) == (wider(other, values.type) is None)
        if kind is not None:
            survives(table, values, kind)


def survives(table: pa.Table, values: pa.Array, kind: pa.DataType) -> None:
    try:
        there = exact_cast(values, kind)
    except pa.ArrowInvalid as error:
        # Years that nanoseconds cannot count are refused with the value, never changed.
        assert "out of bounds" in str(error)  # noqa: PT017
        return
    if pa.types.is_decimal(kind):
        assert there.to_pylist() == values.to_pylist()
    elif values.null_count < len(values):
        assert_same(table.set_column(1, "value", there.cast(values.type)), table)


def test_structs_keep_the_order_of_the_first_and_put_new_fields_last() -> None:
    one = pa.struct([("a", pa.int32()), ("b", pa.string())])
    other = pa.struct([("c", pa.bool_()), ("b", pa.string()), ("a", pa.int64())])
    both = pa.struct([("a", pa.int64()), ("b", pa.string()), ("c", pa.bool_())])
    assert wider(one, other) == both
    row = pa.array([{"a": 1, "b": "x"}], one)
    assert exact_cast(row, both).to_pylist() == [{"a": 1, "b": "x", "c": None}]
    row = pa.array([{"a": 1, "b": "x", "c": True}], other)
    assert exact_cast(row, both).to_pylist() == [{"a": 1, "b": "x", "c": True}]


def test_runs_give_way_to_their_values() -> None:
    runs = pa.run_end_encoded(pa.int32(), pa.int32())
    assert wider(runs, pa.int64()) == pa.int64()
    assert wider(pa.int32(), runs) == pa.int32()
