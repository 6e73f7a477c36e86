from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from hygge.errors import FlowError
from hygge.settings import MoveSettings
from hygge.shape import Shape

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BATCH = pa.record_batch(
    {"id": [1, 2, 3], "Amount": ["1.50", "2.25", "x"], "customerID": ["a", None, "c"]}
)


def shape(**settings: Any) -> Shape:  # noqa: ANN401
    return Shape(MoveSettings.model_validate(settings), BATCH.schema, run_id="r1", loaded_at=NOW)


def test_without_settings_nothing_changes() -> None:
    untouched = shape()
    assert untouched.schema == BATCH.schema
    assert untouched.apply(BATCH, untouched.schema, 0).equals(BATCH)


def test_select_chooses_columns_in_the_order_given() -> None:
    assert shape(select=["customerID", "id"]).schema.names == ["customerID", "id"]


def test_select_with_a_minus_leaves_columns_out() -> None:
    assert shape(select=["-Amount"]).schema.names == ["id", "customerID"]


def test_select_of_an_unknown_column_suggests_the_nearest() -> None:
    with pytest.raises(FlowError, match="'amount'; did you mean 'Amount'"):
        shape(select=["amount"])


def test_select_does_not_mix_both_ways() -> None:
    with pytest.raises(FlowError, match="both names columns"):
        shape(select=["id", "-Amount"])


def test_a_cast_that_fails_names_column_row_and_value() -> None:
    cast = shape(columns={"Amount": {"type": "decimal(10,2)"}})
    with pytest.raises(FlowError, match="column 'Amount', row 103: 'x' is not exact as decimal"):
        cast.apply(BATCH, cast.schema, 100)


def test_cast_and_rename_give_exact_values() -> None:
    cast = shape(columns={"Amount": {"type": "decimal(10,2)", "rename": "amt"}})
    moved = cast.apply(BATCH.slice(0, 2), cast.schema, 0)
    assert moved.column("amt").to_pylist() == [Decimal("1.50"), Decimal("2.25")]


@pytest.mark.parametrize(
    ("casing", "names"),
    [
        ("snake", ["id", "amount", "customer_id"]),
        ("lower", ["id", "amount", "customerid"]),
        ("upper", ["ID", "AMOUNT", "CUSTOMERID"]),
    ],
)
def test_casing_changes_the_stores_names(casing: str, names: list[str]) -> None:
    assert shape(column_casing=casing).schema.names == names


def test_two_columns_never_get_one_name() -> None:
    with pytest.raises(FlowError, match="two columns would be called 'id'"):
        shape(columns={"Amount": {"rename": "id"}})


def test_metadata_columns_say_when_and_by_which_run() -> None:
    added = shape(metadata_columns=["loaded_at", "run_id"])
    moved = added.apply(BATCH, added.schema, 0)
    assert moved.column("_hygge_loaded_at").to_pylist() == [NOW] * 3
    assert moved.column("_hygge_run_id").to_pylist() == ["r1"] * 3


def test_columns_the_agreed_schema_adds_are_filled_with_nulls() -> None:
    wanted = BATCH.schema.append(pa.field("old", pa.int64()))
    assert shape().apply(BATCH, wanted, 0).column("old").to_pylist() == [None] * 3
