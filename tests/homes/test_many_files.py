"""Several files of one entity: one table, or refused by name."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from projects import write_project

from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Selection, make_plan
from hygge.project import Project
from hygge.values.model import Outcome, Result


def go(root: Path, kind: str, settings: str = "", path: str = "in") -> Outcome:
    write_project(
        root,
        {
            "homes/files.yml": f"type: {kind}\npath: '{path}'\n",
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "flows/t.yml": f"home: files\nstore: lake\n{settings}",
        },
    )
    (outcome,) = run(make_plan(Project.load(root), Selection()), stop=Stop(), listen=print).outcomes
    return outcome


def refused(root: Path, kind: str, settings: str = "", path: str = "in") -> tuple[str, str]:
    outcome = go(root, kind, settings, path)
    assert outcome.failure is not None, outcome
    assert not (root / "lake" / "t").exists()
    return outcome.failure.code, outcome.failure.message


def rows(root: Path, columns: str = "*") -> list[tuple[object, ...]]:
    with duckdb.connect() as duck:
        sql = f"select {columns} from '{root}/lake/t/*.parquet' order by all"
        return duck.execute(sql).fetchall()


def texts(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / "in" / "t" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def tables(root: Path, *found: pa.Table) -> None:
    folder = root / "in" / "t"
    folder.mkdir(parents=True)
    for number, table in enumerate(found):
        pq.write_table(table, folder / f"{number}.parquet")


def test_a_file_without_its_header_is_refused(tmp_path: Path) -> None:
    texts(tmp_path, {"1.csv": "id,name\n1,x\n", "2.csv": "3,z\n4,q\n"})
    code, message = refused(tmp_path, "csv")
    assert code == "HG577"
    assert "2.csv has no column in common with" in message
    assert "it has 3, z, the other has id, name" in message


def test_files_that_share_a_column_are_one_table(tmp_path: Path) -> None:
    texts(tmp_path, {"1.csv": "id,name\n1,x\n", "2.csv": "", "3.csv": "id,age\n3,40\n"})
    assert go(tmp_path, "csv").result is Result.OK
    assert rows(tmp_path, "id, name, age") == [(1, "x", None), (3, None, 40)]


def test_a_file_beside_its_packed_self_is_refused(tmp_path: Path) -> None:
    texts(tmp_path, {"1.csv": "id\n1\n"})
    (tmp_path / "in" / "t" / "1.csv.gz").write_bytes(gzip.compress(b"id\n1\n"))
    code, message = refused(tmp_path, "csv")
    assert code == "HG577"
    assert "1.csv.gz are the same file, compressed and uncompressed" in message


def test_case_of_names_may_differ_between_files_of_text(tmp_path: Path) -> None:
    texts(tmp_path, {"1.csv": "Id,Amount\n1,1.5\n", "2.csv": "amount,ID\n2,2\n"})
    assert go(tmp_path, "csv").result is Result.OK
    assert rows(tmp_path, "Id, Amount") == [(1, 1.5), (2, 2.0)]


def test_case_of_names_may_differ_between_parquet_files(tmp_path: Path) -> None:
    tables(
        tmp_path,
        pa.table({"Id": [1], "other": ["a"]}),
        pa.table({"other": ["b"], "id": [2]}),
    )
    assert go(tmp_path, "parquet", "select: [Id]\n").result is Result.OK
    assert rows(tmp_path) == [(1,), (2,)]


def test_columns_that_one_file_tells_apart_by_case_are_not_guessed(tmp_path: Path) -> None:
    tables(tmp_path, pa.table({"id": [1], "ID": [2]}), pa.table({"Id": [3]}))
    assert refused(tmp_path, "parquet")[0] in ("HG501", "HG577")


def test_whole_numbers_and_floats_are_united_where_exact(tmp_path: Path) -> None:
    tables(tmp_path, pa.table({"v": [1, 2]}), pa.table({"v": [1.5, None]}))
    assert go(tmp_path, "parquet").result is Result.OK
    assert rows(tmp_path) == [(1.0,), (1.5,), (2.0,), (None,)]


def test_a_whole_number_that_no_float_holds_is_refused(tmp_path: Path) -> None:
    tables(tmp_path, pa.table({"v": [2**53 + 1]}), pa.table({"v": [1.5]}))
    code, message = refused(tmp_path, "parquet")
    assert code == "HG501"
    assert "column 'v' is int64 in this file, but double in the entity" in message


def test_a_declared_type_unites_files_that_have_no_common_one(tmp_path: Path) -> None:
    far, fine = datetime(9999, 12, 31), datetime(2024, 1, 1, 0, 0, 0, 5)
    tables(
        tmp_path,
        pa.table({"at": pa.array([far], pa.timestamp("ms"))}),
        pa.table({"at": pa.array([fine], pa.timestamp("ns"))}),
    )
    assert refused(tmp_path, "parquet")[0] == "HG501"
    assert go(tmp_path, "parquet", "columns: {at: {type: timestamp}}\n").result is Result.OK
    assert rows(tmp_path) == [(fine,), (far,)]


def test_a_declared_text_unites_numbers_and_text(tmp_path: Path) -> None:
    tables(tmp_path, pa.table({"v": [1]}), pa.table({"v": ["x"]}))
    assert "columns: {v: {type: …}}" in (go(tmp_path, "parquet").failure or object()).hint  # type: ignore[attr-defined]
    assert go(tmp_path, "parquet", "columns: {v: {type: string}}\n").result is Result.OK
    assert rows(tmp_path) == [("1",), ("x",)]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_of_the_folder_may_be_in_the_files_too(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "in" / "t" / "year=2024"
    folder.mkdir(parents=True)
    if kind == "csv":
        (folder / "1.csv").write_text("id,year\n1,2024\n")
    else:
        pq.write_table(pa.table({"id": [1], "year": [2024]}), folder / "1.parquet")
    assert go(tmp_path, kind).result is Result.OK
    assert rows(tmp_path, "id, year") == [(1, 2024)]


def test_a_file_in_the_wrong_folder_is_refused(tmp_path: Path) -> None:
    texts(tmp_path, {"year=2024/1.csv": "id,year\n1,2024\n2,2023\n"})
    code, message = refused(tmp_path, "csv")
    assert code == "HG577"
    assert "column 'year' contains 2023, but the name of its folder has '2024'" in message
