"""Text that is not UTF-8, and values too large: refused by file, row and column."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from projects import write_project
from pyarrow import orc

from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Selection, make_plan
from hygge.project import Project
from hygge.values.model import Outcome, Result

LIMIT = 2**20


def go(root: Path, kind: str, settings: str = "") -> Outcome:
    write_project(
        root,
        {
            "homes/files.yml": f"type: {kind}\npath: in\n",
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "flows/t.yml": f"home: files\nstore: lake\n{settings}",
        },
    )
    (outcome,) = run(make_plan(Project.load(root), Selection()), stop=Stop(), listen=print).outcomes
    return outcome


def refused(root: Path, kind: str, settings: str = "") -> tuple[str, str]:
    outcome = go(root, kind, settings)
    assert outcome.failure is not None
    assert not (root / "lake" / "t").exists()
    return outcome.failure.code, outcome.failure.message


def bad_text() -> pa.Array:
    held = pa.array([b"a", b"Jos\xe9", b"c"], pa.binary())
    return pa.Array.from_buffers(pa.string(), 3, held.buffers())


def write(root: Path, kind: str, table: pa.Table) -> None:
    path = root / "in" / f"t.{kind}"
    path.parent.mkdir(parents=True)
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=1)
    elif kind == "orc":
        orc.write_table(table, path)
    else:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            for batch in table.to_batches(max_chunksize=1):
                writer.write(batch)


@pytest.mark.parametrize("kind", ["parquet", "arrow", "orc"])
def test_text_that_is_not_utf8_is_never_published(tmp_path: Path, kind: str) -> None:
    write(tmp_path, kind, pa.table({"id": [1, 2, 3], "name": bad_text()}))
    code, message = refused(tmp_path, kind)
    assert code == "HG575"
    assert f"in/t.{kind}, row 2: column 'name' is not valid UTF-8" in message


def test_its_bytes_can_be_moved_as_they_are(tmp_path: Path) -> None:
    write(tmp_path, "parquet", pa.table({"id": [1, 2, 3], "name": bad_text()}))
    assert go(tmp_path, "parquet", "columns: {name: {type: binary}}\n").result is Result.OK
    with duckdb.connect() as duck:
        found = duck.execute(f"select name from '{tmp_path}/lake/t/*.parquet' order by id")
        assert found.fetchall() == [(b"a",), (b"Jos\xe9",), (b"c",)]


def test_a_column_that_is_not_moved_is_not_proved(tmp_path: Path) -> None:
    write(tmp_path, "parquet", pa.table({"id": [1, 2, 3], "name": bad_text()}))
    assert go(tmp_path, "parquet", "select: [id]\n").result is Result.OK


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("compression", ["zstd", "none"])
def test_a_large_value_in_parquet_is_told_by_its_pages(
    tmp_path: Path, version: str, compression: str, *, dictionary: bool
) -> None:
    table = pa.table({"id": [1, 2, 3, 4], "doc": ["a", "b", "x" * 8 * LIMIT, "c"]})
    path = tmp_path / "in" / "t.parquet"
    path.parent.mkdir()
    pq.write_table(
        table,
        path,
        row_group_size=2,
        data_page_version=version,
        use_dictionary=dictionary,
        compression=compression,
    )
    code, message = refused(tmp_path, "parquet", "max_value_bytes: 1MiB\n")
    assert code == "HG576"
    assert "one of rows 3 to 4: column 'doc' has a value of at least" in message
    assert go(tmp_path, "parquet", "max_value_bytes: 9MiB\n").result is Result.OK
    assert go(tmp_path, "parquet", "max_value_bytes: 1MiB\nselect: [id]\n").result is Result.OK


def test_a_large_value_among_many_is_told_once_it_is_read(tmp_path: Path) -> None:
    values = ["y"] * 100_000 + ["x" * 2 * LIMIT]
    path = tmp_path / "in" / "t.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"doc": values}), path, use_dictionary=False)
    code, message = refused(tmp_path, "parquet", "max_value_bytes: 1MiB\n")
    assert code == "HG576"
    assert "row 100,001: column 'doc'" in message


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_long_line_is_refused_before_all_of_it_is_read(tmp_path: Path, kind: str) -> None:
    rows = [{"id": 1, "doc": "a"}, {"id": 2, "doc": "x" * 2 * LIMIT}]
    path = tmp_path / "in" / f"t.{kind}"
    path.parent.mkdir()
    if kind == "csv":
        path.write_text("id,doc\n" + "".join(f"{row['id']},{row['doc']}\n" for row in rows))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, message = refused(tmp_path, kind, "max_value_bytes: 1MiB\n")
    assert code == "HG576"
    assert f"line {3 if kind == 'csv' else 2}," in message
    assert go(tmp_path, kind, "max_value_bytes: 3MiB\n").result is Result.OK


def test_a_large_value_of_a_database_names_row_and_column(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "app.duckdb") as duck:
        duck.execute("create table t (id integer primary key, doc varchar)")
        duck.execute(f"insert into t values (1, 'a'), (2, repeat('x', {2 * LIMIT}))")
    write_project(
        tmp_path,
        {
            "homes/files.yml": "type: duckdb\npath: app.duckdb\n",
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "flows/t.yml": "home: files\nstore: lake\nmax_value_bytes: 1MiB\n",
        },
    )
    plan = make_plan(Project.load(tmp_path), Selection())
    (outcome,) = run(plan, stop=Stop(), listen=print).outcomes
    assert outcome.failure is not None
    assert outcome.failure.code == "HG576"
    assert outcome.failure.message.startswith("the row with id = 2 of t: column 'doc' has a value")
