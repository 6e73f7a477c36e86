"""What a database called a column's type goes through files, and comes out again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from memory import World, a_plan

from hygge.connector import HomeConfig, ProjectContext, ReadRequest, StoreConfig
from hygge.connectors.files.reading.schemas import unify
from hygge.engine.coordinator import Stop, run
from hygge.types.type_names import NATIVE_TYPE

JSONB, MONEY = {NATIVE_TYPE: b"jsonb"}, {NATIVE_TYPE: b"money", b"note": b"gross"}
SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("doc", pa.string(), metadata=JSONB),
        pa.field("price", pa.decimal128(18, 2), metadata=MONEY),
    ]
)


def table(start: int, rows: int) -> pa.Table:
    ids = range(start, start + rows)
    columns = [list(ids), [f'{{"n": {n}}}' for n in ids], [None for _ in ids]]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_native_types_survive_a_store_and_a_home_of_several_files(
    tmp_path: Path, kind: str
) -> None:
    data = {"type": kind, "path": "lake", "file_max_rows": 5}
    world = World({"a": table(0, 8)})
    plan = a_plan(tmp_path, world, "a", mode="append", schema_contract="freeze")
    plan = replace(plan, moves=(replace(plan.moves[0], store=StoreConfig.create(data)),))
    for start in (0, 8):
        world.tables["a"] = table(start, 8)
        (outcome,) = run(plan, stop=Stop(), listen=lambda _: None).outcomes
        assert (outcome.failure, outcome.notes) == (None, ())
    assert len(list((tmp_path / "lake/a").glob(f"*.{kind}"))) == 4
    home = HomeConfig.create({"type": kind, "path": "lake"}).home(ProjectContext(tmp_path))
    with home.open(ReadRequest("a")) as source:
        assert source.schema.equals(SCHEMA)
        assert [field.metadata for field in source.schema] == [None, JSONB, MONEY]
        with source.read(source.splits(1)[0]) as batches:
            read = batches.read_all()
    assert read.schema.field("doc").metadata == JSONB
    assert read.column("id").to_pylist() == list(range(16))


def test_files_that_disagree_keep_what_they_agree_on() -> None:
    one, two = SCHEMA, SCHEMA.set(2, SCHEMA.field(2).with_metadata({b"note": b"gross"}))
    two = two.set(1, SCHEMA.field(1).with_metadata({NATIVE_TYPE: b"json"}))
    found = unify([("one", one), ("two", two), ("three", one)])
    assert [field.metadata for field in found] == [None, None, {b"note": b"gross"}]
