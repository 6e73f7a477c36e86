"""Text files of very many columns: work grows with their number, or they are refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from hygge.connector import HomeConfig, ProjectContext, ReadRequest
from hygge.errors import HomeError, StoreError
from hygge.settings.move import SchemaContract
from hygge.transform.schema_contract import agree
from hygge.types.unfit import fit_schema, repeated
from hygge.values.model import Mode


def schema_of(place: Path, text: str, **settings: object) -> pa.Schema:
    (place / "t.jsonl").write_text(text)
    data = {"type": "jsonl", "path": ".", **settings}
    with HomeConfig.create(data).home(ProjectContext(place)).open(ReadRequest("t")) as source:
        (split,) = source.splits(1)
        with source.read(split) as batches:
            return batches.read_all().schema


def test_an_object_of_rows_is_refused_with_a_way_out(tmp_path: Path) -> None:
    text = json.dumps({f"k{number}": {"a": number} for number in range(20_001)})
    with pytest.raises(HomeError, match="an object of 20,001 keys") as raised:
        schema_of(tmp_path, text + "\n")
    assert "jq -c" in str(raised.value.hint)


def test_a_wide_column_is_refused_by_name_and_moves_as_declared_text(tmp_path: Path) -> None:
    wide = {f"k{number}": {"a": number} for number in range(20_001)}
    text = json.dumps({"id": 1, "m": wide}) + "\n"
    with pytest.raises(HomeError, match="column 'm' contains an object of 20,001 keys") as raised:
        schema_of(tmp_path, text)
    assert "types: {m: string}" in str(raised.value.hint)
    found = schema_of(tmp_path, text, types={"m": "string"})
    assert found == pa.schema([("id", pa.int64()), ("m", pa.string())])


def test_names_that_stand_twice_are_found_in_one_pass() -> None:
    many = [f"c{number}" for number in range(200_000)]
    assert repeated(many) == []
    assert repeated([*many, "c7", "c5", "c7"]) == ["c5", "c7"]


def test_a_contract_of_very_many_columns_is_agreed_in_one_pass() -> None:
    wide = pa.schema([(f"c{number}", pa.int64()) for number in range(30_000)])
    assert fit_schema(wide, lambda field: field, holder="tables") == wide
    for mode in (Mode.APPEND, Mode.REPLACE):
        assert agree(wide, wide, SchemaContract(), mode).schema == wide
    with pytest.raises(StoreError, match="two columns have the name 'c1'"):
        fit_schema(pa.schema([*wide, wide.field(1)]), lambda field: field, holder="tables")
