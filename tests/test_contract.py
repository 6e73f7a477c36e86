from __future__ import annotations

import pyarrow as pa
import pytest

from hygge.errors import FlowError
from hygge.settings.move import SchemaContract
from hygge.transform.schema_contract import Agreement, agree, differences, table, typed
from hygge.types.type_names import NATIVE_TYPE
from hygge.values.model import Mode

EVOLVE = SchemaContract()
FREEZE = SchemaContract(add="fail", drop="fail", change="fail")
INEXACT = "no type represents both exactly"
HELD = pa.schema([("id", pa.int32()), ("name", pa.string())])


def test_a_first_move_takes_the_homes_columns_and_gives_empty_ones_text() -> None:
    offered = pa.schema([("id", pa.int64()), ("nothing", pa.null())])
    assert agree(typed(offered, None), None, FREEZE, Mode.REPLACE).schema == pa.schema(
        [("id", pa.int64()), ("nothing", pa.string())]
    )


def test_a_column_without_values_keeps_the_type_the_store_has() -> None:
    offered = pa.schema([("id", pa.null()), ("name", pa.string())])
    assert agree(typed(offered, HELD), HELD, FREEZE, Mode.APPEND).schema == HELD


def test_append_keeps_the_stores_order_and_puts_new_columns_last() -> None:
    offered = pa.schema([("extra", pa.bool_()), ("name", pa.string()), ("id", pa.int32())])
    agreement = agree(offered, HELD, EVOLVE, Mode.APPEND)
    assert agreement.schema.names == ["id", "name", "extra"]
    assert agreement.notes == ("column 'extra' (bool) is new",)


def test_append_fills_a_dropped_column_with_nulls_and_says_so() -> None:
    agreement = agree(pa.schema([("id", pa.int32())]), HELD, EVOLVE, Mode.APPEND)
    assert agreement.schema.names == ["id", "name"]
    assert "'name' is no longer in the home and is filled with nulls" in agreement.notes[0]


def test_replace_mirrors_the_home_and_tells_what_changed() -> None:
    offered = pa.schema([("name", pa.int64()), ("new", pa.bool_())])
    agreement = agree(offered, HELD, EVOLVE, Mode.REPLACE)
    assert agreement.schema == offered
    assert len(agreement.notes) == 3


def test_append_widens_only_where_every_value_stays_exact() -> None:
    wider = pa.schema([("id", pa.int64()), ("name", pa.string())])
    assert agree(wider, HELD, EVOLVE, Mode.APPEND).schema.field("id").type == pa.int64()
    narrower = pa.schema([("id", pa.int16()), ("name", pa.string())])
    assert agree(narrower, HELD, EVOLVE, Mode.APPEND).schema.field("id").type == pa.int32()
    with pytest.raises(FlowError) as refused:
        agree(pa.schema([("id", pa.string()), ("name", pa.string())]), HELD, EVOLVE, Mode.APPEND)
    last = refused.value.message.splitlines()[-1]
    assert last.split(maxsplit=4) == ["changed", "id", "int32", "string", f"refused: {INEXACT}"]
    assert "no type represents both exactly" in refused.value.message


@pytest.mark.parametrize("mode", [Mode.REPLACE, Mode.APPEND])
def test_a_frozen_contract_lists_every_difference_in_one_message(mode: Mode) -> None:
    offered = pa.schema([("id", pa.int64()), ("extra", pa.bool_())])
    with pytest.raises(FlowError) as refused:
        agree(offered, HELD, FREEZE, mode)
    lines = [line.split(maxsplit=4) for line in refused.value.message.splitlines()[1:]]
    assert lines == [
        ["column", "store", "home"],
        ["changed", "id", "int32", "int64", "refused: change: fail"],
        ["new", "extra", "-", "bool", "refused: add: fail"],
        ["gone", "name", "string", "-", "refused: drop: fail"],
    ]


def test_names_that_differ_only_in_case_are_never_two_columns() -> None:
    offered = pa.schema([("ID", pa.int32()), ("name", pa.string())])
    with pytest.raises(FlowError, match=r"spelling  ID .* refused: names differ only in case"):
        agree(offered, HELD, EVOLVE, Mode.APPEND)


def test_a_new_column_is_nullable_because_older_rows_lack_it() -> None:
    offered = pa.schema([*HELD, pa.field("extra", pa.bool_(), nullable=False)])
    assert agree(offered, HELD, EVOLVE, Mode.APPEND).schema.field("extra").nullable


@pytest.mark.parametrize(
    ("contract", "offered", "hints"),
    [
        (
            FREEZE,
            [("id", pa.int32()), ("name", pa.string()), ('a "b"', pa.bool_())],
            [r'select: ["-a \"b\""]', "{add: evolve}"],
        ),
        (FREEZE, [("id", pa.int32())], ["{drop: evolve}"]),
        (FREEZE, [("id", pa.int16()), ("name", pa.string())], ["{type: …}", "{change: evolve}"]),
        (EVOLVE, [("id", pa.string()), ("name", pa.string())], ['columns: {"id": {type: …}}']),
        (EVOLVE, [("ID", pa.int32()), ("name", pa.string())], ['columns: {"ID": {rename: …}}']),
        (FREEZE, [("id", pa.int64()), ("b", pa.string())], ["{change: e", "{add: e", "{drop: e"]),
    ],
)
def test_each_refusal_tells_the_way_out_that_helps(
    contract: SchemaContract, offered: list[tuple[str, pa.DataType]], hints: list[str]
) -> None:
    with pytest.raises(FlowError) as refused:
        agree(pa.schema(offered), HELD, contract, Mode.APPEND)
    for hint in hints:
        assert hint in str(refused.value.hint)


def native(name: str, kind: pa.DataType, called: str | None, *, nullable: bool = True) -> pa.Field:
    metadata = None if called is None else {NATIVE_TYPE: called.encode()}
    return pa.field(name, kind, nullable, metadata)


def test_append_keeps_what_the_store_says_of_a_column() -> None:
    held = pa.schema([native("a", pa.string(), "jsonb"), native("b", pa.int32(), "serial")])
    offered = pa.schema([native("a", pa.string(), "jsonb"), native("b", pa.int16(), None)])
    agreed = agree(offered, held, FREEZE.model_copy(update={"change": "evolve"}), Mode.APPEND)
    assert agreed.schema.equals(held, check_metadata=True)


def test_what_a_widened_column_is_called_is_no_longer_what_it_was() -> None:
    held = pa.schema([native("a", pa.int32(), "integer"), native("b", pa.int32(), "integer")])
    offered = pa.schema([native("a", pa.int64(), "bigint"), native("b", pa.uint32(), "oid")])
    agreed = agree(offered, held, EVOLVE, Mode.APPEND).schema
    assert agreed.field("a").equals(native("a", pa.int64(), "bigint"), check_metadata=True)
    assert agreed.field("b").equals(native("b", pa.int64(), None), check_metadata=True)


def test_two_types_of_a_database_that_arrow_holds_as_one_are_a_change() -> None:
    held = pa.schema([native("a", pa.string(), "jsonb")])
    offered = pa.schema([native("a", pa.string(), "inet")])
    replaced = agree(offered, held, EVOLVE, Mode.REPLACE)
    assert replaced.schema.equals(offered, check_metadata=True)
    assert replaced.notes == ("column 'a' changed from jsonb to inet",)
    for contract, mode in ((EVOLVE, Mode.APPEND), (FREEZE, Mode.REPLACE)):
        with pytest.raises(
            FlowError, match=r"native  a +string \(jsonb\) +string \(inet\) +refused: "
        ) as no:
            agree(offered, held, contract, mode)
        assert "--full-refresh" in str(no.value.hint)


def test_a_column_without_values_is_also_called_as_in_the_store() -> None:
    held = pa.schema([native("a", pa.string(), "jsonb")])
    assert typed(pa.schema([("a", pa.null())]), held).equals(held, check_metadata=True)


def test_nulls_that_come_to_a_column_without_any_are_told_or_refused() -> None:
    held = pa.schema([native("a", pa.string(), None, nullable=False)])
    offered = pa.schema([native("a", pa.string(), None)])
    for mode in (Mode.APPEND, Mode.REPLACE):
        agreed = agree(offered, held, EVOLVE, mode)
        assert agreed.schema.field("a").nullable
        assert agreed.notes == ("column 'a' was not null and is nullable now",)
        with pytest.raises(FlowError, match=r"nulls  a +string not null +string +refused") as no:
            agree(offered, held, FREEZE, mode)
        assert 'columns: {"a": {nullable: false}}' in str(no.value.hint)
    assert agree(held, offered, FREEZE, Mode.APPEND) == Agreement(offered)


@pytest.mark.parametrize("mode", Mode)
def test_the_store_is_kept_as_it_is(mode: Mode) -> None:
    contract = SchemaContract(add="keep", drop="keep", change="keep")
    held = pa.schema(
        [pa.field("id", pa.int32(), nullable=False), ("name", pa.string()), ("old", pa.bool_())]
    )
    offered = pa.schema([("name", pa.large_string()), ("id", pa.int64()), ("new", pa.int64())])
    agreed = agree(offered, held, contract, mode)
    assert {field.name: field for field in agreed.schema} == {f.name: f for f in held}
    assert agreed.notes == (
        "column 'name' changed from string to large_string, cast to string (change: keep)",
        "column 'id' changed from int32 to int64, cast to int32 (change: keep)",
        "column 'new' (int64) is new, not moved (add: keep)",
        "column 'old' is no longer in the home and "
        + (
            "keeps its values; new rows get null (drop: keep)"
            if mode is Mode.MERGE
            else "is filled with nulls"
        ),
    )


@pytest.mark.parametrize("mode", [Mode.APPEND, Mode.MERGE])
@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (pa.decimal128(18, 2), pa.decimal128(12, 2)),
        (pa.int64(), pa.int32()),
        (pa.timestamp("us"), pa.timestamp("ms")),
    ],
)
def test_a_change_is_told_when_the_store_changes_and_not_again(
    mode: Mode, wide: pa.DataType, narrow: pa.DataType
) -> None:
    held, offered = pa.schema([("a", narrow)]), pa.schema([("a", wide)])
    agreed = agree(offered, held, EVOLVE, mode)
    assert agreed.notes == (f"column 'a' changed from {narrow} to {wide}",)
    for contract in (EVOLVE, SchemaContract(change="keep")):
        assert agree(held, agreed.schema, contract, mode) == Agreement(agreed.schema)
    (shown,) = differences(held, agreed.schema, EVOLVE, mode)
    assert table([shown], "store", "home")[1].endswith(f"fits into {wide}")
    with pytest.raises(FlowError, match="refused: change: fail"):
        agree(held, agreed.schema, FREEZE, mode)


def test_another_type_of_a_database_cannot_be_kept() -> None:
    held, offered = (pa.schema([native("a", pa.string(), name)]) for name in ("jsonb", "inet"))
    for mode in (Mode.APPEND, Mode.REPLACE):
        with pytest.raises(FlowError, match="no type represents both"):
            agree(offered, held, SchemaContract(change="keep"), mode)


def test_another_order_is_no_difference() -> None:
    offered = pa.schema([HELD.field("name"), HELD.field("id")])
    assert agree(offered, HELD, FREEZE, Mode.APPEND) == Agreement(HELD)
    assert agree(offered, HELD, FREEZE, Mode.REPLACE) == Agreement(offered)


def test_what_looks_like_a_rename_is_said_and_never_done() -> None:
    offered = pa.schema([("id", pa.int32()), ("full name", pa.string())])
    way = 'columns: {"full name": {rename: "name"}}'
    agreed = agree(offered, HELD, EVOLVE, Mode.APPEND)
    assert agreed.schema.names == ["id", "name", "full name"]
    assert agreed.notes[-1] == f"'full name' may be 'name' renamed; if it is, write  {way}"
    with pytest.raises(FlowError) as refused:
        agree(offered, HELD, FREEZE, Mode.APPEND)
    assert way in str(refused.value.hint)


def test_two_candidates_are_no_rename() -> None:
    offered = pa.schema([("id", pa.int32()), ("a", pa.string()), ("b", pa.string())])
    assert "renamed" not in " ".join(agree(offered, HELD, EVOLVE, Mode.APPEND).notes)
