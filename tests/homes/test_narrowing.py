"""Only the columns that a flow moves are read, where the format lets them be."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from projects import write_project

from hygge.connector import HomeConfig, ProjectContext, ReadRequest, Source
from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Selection, make_plan
from hygge.project import Project
from hygge.values.model import Failure


def read(source: Source) -> pa.Table:
    tables = []
    for split in source.splits(1):
        with source.read(split) as batches:
            tables.append(batches.read_all())
    return pa.concat_tables(tables)


def narrowed(place: Path, kind: str, *columns: str) -> pa.Table:
    home = HomeConfig.create({"type": kind, "path": "."}).home(ProjectContext(place))
    with home.open(ReadRequest("t")) as source:
        source.narrow(columns)
        assert set(source.schema.names) == set(columns)
        return read(source)


def damaged_in(path: Path, column: str) -> None:
    """Write a file whose column's bytes are damaged, and only these."""
    table = pa.table({"a": list(range(1000)), "b": [f"text {n}" for n in range(1000)]})
    pq.write_table(table, path, write_page_checksum=True, compression="none", use_dictionary=False)
    group = pq.read_metadata(path).row_group(0)
    chunk = group.column(table.schema.names.index(column))
    content = bytearray(path.read_bytes())
    content[chunk.data_page_offset + chunk.total_compressed_size // 2] ^= 0xFF
    path.write_bytes(content)


def go(root: Path, flow: str) -> Failure | None:
    files = {
        "homes/files.yml": "type: parquet\npath: in\n",
        "stores/lake.yml": "type: parquet\npath: lake\n",
        "flows/t.yml": flow,
    }
    plan = make_plan(Project.load(write_project(root, files)), Selection())
    (outcome,) = run(plan, stop=Stop(), listen=lambda _: None).outcomes
    return outcome.failure


def test_a_column_that_does_not_move_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    damaged_in(tmp_path / "in/t.parquet", "b")
    failure = go(tmp_path, "")
    assert failure is not None
    assert "checksum" in failure.message or "CRC" in failure.message
    assert go(tmp_path, "select: [a]\ncolumns: {a: {rename: number}}\n") is None
    query = f"select count(*), sum(number) from '{tmp_path}/lake/t/*.parquet'"
    assert duckdb.connect().execute(query).fetchone() == (1000, 499500)


def test_nothing_but_added_columns_still_counts_the_rows(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table({"a": [1, 2, 3]}), tmp_path / "in/t.parquet")
    assert go(tmp_path, 'select: ["-a"]\nmetadata_columns: [run_id]\n') is None
    query = f"select count(*), count(_hygge_run_id) from '{tmp_path}/lake/t/*.parquet'"
    assert duckdb.connect().execute(query).fetchone() == (3, 3)


def test_a_dot_in_a_name_is_no_field_of_another_column(tmp_path: Path) -> None:
    table = pa.table({"a": [{"b": 1, "c": 2}], "a.b": ["dotted"], "a.b.c": [3.5], "d": [True]})
    pq.write_table(table, tmp_path / "t.parquet")
    for columns in (["a"], ["a.b"], ["a.b.c", "d"], ["a", "a.b.c"], ["a.b", "a"]):
        found = narrowed(tmp_path, "parquet", *columns)
        assert found.select(columns).equals(table.select(columns))


@pytest.mark.parametrize("writer", [pa.ipc.new_file, pa.ipc.new_stream])
def test_arrow_files_and_streams_are_narrowed(tmp_path: Path, writer: object) -> None:
    table = pa.table({"a": [1, 2], "b": ["x", "y"], "c": [None, 1.5]})
    with (
        pa.OSFile(str(tmp_path / "t.arrow"), "wb") as sink,
        writer(sink, table.schema) as batches,  # type: ignore[operator]
    ):
        batches.write_table(table)
    for columns in (["b"], ["a", "c"], ["a", "b", "c"]):
        assert narrowed(tmp_path, "arrow", *columns).equals(table.select(columns))


def test_old_timestamps_that_do_not_move_are_not_looked_at(tmp_path: Path) -> None:
    fine = pa.array([0, 1001], pa.timestamp("ns"))
    table = pa.table({"t": fine, "a": [1, 2]})
    pq.write_table(table, tmp_path / "t.parquet", use_deprecated_int96_timestamps=True)
    assert narrowed(tmp_path, "parquet", "a").to_pydict() == {"a": [1, 2]}
