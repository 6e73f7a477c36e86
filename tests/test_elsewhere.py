"""Readers and writers in another process, which has nothing but what was pickled for it."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from servers import Postgres

from hygge.connector import (
    HomeConfig,
    ProjectContext,
    Reader,
    ReadRequest,
    Split,
    StoreConfig,
)
from hygge.testing.cases import assert_same, plain_table
from hygge.testing.moving import accepted, next_commit, write, write_request
from hygge.values.model import Mode

FILES = ("arrow", "csv", "jsonl", "orc", "parquet")
READ = """
import json, pickle, sys
from pathlib import Path
from hygge.connector import HomeConfig, ProjectContext
settings, packed = pickle.load(sys.stdin.buffer)
home = HomeConfig.create(json.loads(settings)).home(ProjectContext(Path("/")))
reader, splits = pickle.loads(packed)
reader = home.attach(reader)
found = []
for split in splits:
    with reader.read(split) as batches:
        found.append(batches.read_all())
sys.stdout.buffer.write(pickle.dumps(found))
"""


def elsewhere(code: str, given: object) -> Any:  # noqa: ANN401
    """Return what another process makes of pickled values, pickled too."""
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(given), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return pickle.loads(done.stdout)


def read_elsewhere(settings: dict[str, Any], reader: Reader, splits: list[Split]) -> pa.Table:
    packed = pickle.dumps((reader, splits))
    return pa.concat_tables(elsewhere(READ, (json.dumps(settings), packed)))


def test_only_these_types_say_that_they_can() -> None:
    homes = {name: HomeConfig.registry.find(name) for name in HomeConfig.registry.built_in()}
    found = {name for name, config in homes.items() if config.reads_elsewhere}
    assert found == {*FILES, "postgres"}
    stores = {name: StoreConfig.registry.find(name) for name in StoreConfig.registry.built_in()}
    assert {name for name, config in stores.items() if config.stages_elsewhere} == set(FILES)


@pytest.mark.parametrize("kind", FILES)
def test_files_are_read_elsewhere(tmp_path: Path, kind: str) -> None:
    store = StoreConfig.create({"type": kind, "path": str(tmp_path / "in")})
    into = store.store(ProjectContext(tmp_path))
    rows = plain_table(3000)
    for start in (0, 1000, 2000):
        mode = Mode.APPEND if start else Mode.REPLACE
        write(into, [rows.slice(start, 1000)], write_request(mode))
    settings = {"type": kind, "path": str(tmp_path / "in")}
    home = HomeConfig.create(settings).home(ProjectContext(tmp_path))
    held = pa.string()
    request = ReadRequest("things", held=lambda name: held if name == "name" else None)
    with home.open(request) as source:
        source.narrow(["name"])
        splits = source.splits(2)
        assert len(splits) == 2
        assert_same(
            read_elsewhere(settings, source.reader(), splits).select(["name"]),
            rows.select(["name"]),
        )


STAGE = """
import pickle, sys
writer, table, split = pickle.load(sys.stdin.buffer)
sys.stdout.buffer.write(pickle.dumps(writer.stage(table.to_reader(), split)))
"""


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_are_staged_elsewhere_and_what_nobody_told_of_is_not_published(
    tmp_path: Path, kind: str
) -> None:
    config = StoreConfig.create({"type": kind, "path": "lake", "partition_by": ["name"]})
    request, table = write_request(), plain_table(30)
    with config.store(ProjectContext(tmp_path)).open(request) as target:
        ready = accepted(target, table)
        writer = target.writer(ready.schema)
        told, silent = (elsewhere(STAGE, (writer, ready, Split(0, "all"))) for _ in range(2))
        assert {one.name for one in told.detail}.isdisjoint(one.name for one in silent.detail)
        target.receive(told)
        target.commit([told], next_commit(target, request, [told], table.schema))
    live = tmp_path / "lake" / "things"
    found = {path.relative_to(live).as_posix() for path in live.rglob("*") if path.is_file()}
    assert found == {"_hygge.json", *(one.name for one in told.detail)}


def test_tables_of_postgres_are_read_elsewhere_under_the_same_snapshot(
    postgres: Postgres,
) -> None:
    postgres.run("CREATE TABLE t AS SELECT n AS id, repeat('x', 900) AS pad FROM "
                 "generate_series(1, 30000) AS n")  # fmt: skip
    settings = postgres.settings(password="geheim")
    home = HomeConfig.create(settings).home(ProjectContext(Path()))
    with home.open(ReadRequest("t", where="id > 1")) as source:
        source.narrow(["id"])
        splits = source.splits(3)
        reader = source.reader()
        postgres.run("DELETE FROM t")
        assert b"geheim" not in pickle.dumps((reader, splits))
        with pytest.raises(ValueError, match=r"Home\.attach"), pickled(reader).read(splits[0]):
            pass
        found = read_elsewhere(settings, reader, splits)
        assert sorted(found.column("id").to_pylist()) == list(range(2, 30001))
    assert len(splits) > 1


def pickled(reader: Reader) -> Reader:
    again: Reader = pickle.loads(pickle.dumps(reader))
    return again
