from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from hygge.errors import FlowError
from hygge.settings.move import MoveSettings
from hygge.transform.shape import Shape, stored_key
from hygge.types.type_names import NATIVE_TYPE

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
    with pytest.raises(
        FlowError, match="column 'Amount', row 103: 'x' cannot be represented exactly as decimal"
    ):
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
    with pytest.raises(FlowError, match="two columns would have the name 'id'"):
        shape(columns={"Amount": {"rename": "id"}})


def test_metadata_columns_say_when_and_by_which_run() -> None:
    added = shape(metadata_columns=["loaded_at", "run_id"])
    moved = added.apply(BATCH, added.schema, 0)
    assert moved.column("_hygge_loaded_at").to_pylist() == [NOW] * 3
    assert moved.column("_hygge_run_id").to_pylist() == ["r1"] * 3


def test_columns_the_agreed_schema_adds_are_filled_with_nulls() -> None:
    wanted = BATCH.schema.append(pa.field("old", pa.int64()))
    assert shape().apply(BATCH, wanted, 0).column("old").to_pylist() == [None] * 3


def test_a_key_goes_by_the_stores_names_and_takes_no_nulls() -> None:
    settings = {
        "primary_key": ["customerID", "id"],
        "columns": {"id": {"rename": "number"}},
        "column_casing": "snake",
    }
    assert stored_key(MoveSettings.model_validate(settings)) == ("customer_id", "number")
    keyed = shape(**settings)
    assert [field.nullable for field in keyed.schema] == [False, True, False]
    with pytest.raises(FlowError) as refused:
        keyed.apply(BATCH, keyed.schema, 100)
    message = "column 'customer_id', row 102: null, but it is part of primary_key"
    assert refused.value.message == message
    assert refused.value.code == "HG527"


@pytest.mark.parametrize(
    ("settings", "said", "hint"),
    [
        ({"primary_key": "amount"}, "does not have: 'amount'; did you mean 'Amount'?", "id, Am"),
        (
            {"primary_key": "id", "select": ["-id"]},
            "select excludes: 'id'",
            "columns that select includes: Amount, customerID",
        ),
        (
            {"primary_key": "number", "columns": {"id": {"rename": "number"}}},
            "'number', the name in the store; in the home the column is 'id'",
            "primary_key: id",
        ),
        ({"primary_key": "_hygge_run_id", "metadata_columns": ["run_id"]}, "does not have", "id"),
    ],
)
def test_a_key_that_is_not_moved_is_refused(settings: dict[str, Any], said: str, hint: str) -> None:
    with pytest.raises(FlowError) as refused:
        shape(**settings)
    assert said in refused.value.message
    assert hint in str(refused.value.hint)
    assert refused.value.code == "HG523"


def test_nulls_are_refused_where_the_flow_declares_none() -> None:
    filled = shape(columns={"customerID": {"nullable": False, "rename": "customer"}})
    assert not filled.schema.field("customer").nullable
    assert filled.apply(BATCH.slice(2), filled.schema, 0).num_rows == 1
    with pytest.raises(FlowError) as refused:
        filled.apply(BATCH, filled.schema, 15)
    message = "column 'customer', row 17: null, but the flow declares nullable: false"
    assert refused.value.message == message
    assert "remove nullable: false" in str(refused.value.hint)


def test_nulls_are_refused_even_where_the_store_would_take_them() -> None:
    filled = shape(columns={"customerID": {"nullable": False}})
    with pytest.raises(FlowError, match="'customerID', row 2: null"):
        filled.apply(BATCH, BATCH.schema, 0)


def test_a_home_that_declares_no_nulls_is_held_to_it_unless_the_flow_knows_better() -> None:
    field = pa.field("customerID", pa.string(), nullable=False)
    offered = BATCH.schema.set(2, field)
    settings = MoveSettings()
    held = Shape(settings, offered, run_id="r1", loaded_at=NOW)
    assert not held.schema.field("customerID").nullable
    with pytest.raises(FlowError, match="row 2: null, but the home declares it not null"):
        held.apply(BATCH, held.schema, 0)
    settings = MoveSettings.model_validate({"columns": {"customerID": {"nullable": True}}})
    allowed = Shape(settings, offered, run_id="r1", loaded_at=NOW)
    assert allowed.schema.field("customerID").nullable
    assert allowed.apply(BATCH, allowed.schema, 0).column(2).null_count == 1


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["a", "b", None]),
        pa.nulls(3),
        pa.DictionaryArray.from_arrays(pa.array([0, 0, 1]), pa.array(["a", None])),
        pc.run_end_encode(pa.array([1, 1, None])),
    ],
    ids=["plain", "null", "dictionary", "run ends"],
)
def test_nulls_of_every_kind_are_found(values: pa.Array) -> None:
    batch = pa.record_batch({"value": values})
    settings = MoveSettings.model_validate({"columns": {"value": {"nullable": False}}})
    filled = Shape(settings, batch.schema, run_id="r1", loaded_at=NOW)
    row = 1 if values.type == pa.null() else 3
    with pytest.raises(FlowError, match=f"column 'value', row {row}: null"):
        filled.apply(batch, filled.schema, 0)


def test_a_cast_drops_what_a_database_called_the_type() -> None:
    native = {NATIVE_TYPE: b"money", b"comment": b"gross"}
    offered = BATCH.schema.set(1, BATCH.schema.field(1).with_metadata(native))
    for settings, metadata in (
        ({}, native),
        ({"columns": {"Amount": {"type": "string", "rename": "a"}}}, native),
        ({"column_casing": "lower", "columns": {"Amount": {"nullable": False}}}, native),
        ({"columns": {"Amount": {"type": "decimal(9,2)"}}}, None),
    ):
        shaped = Shape(MoveSettings.model_validate(settings), offered, run_id="r", loaded_at=NOW)
        assert shaped.schema.field(1).metadata == metadata
