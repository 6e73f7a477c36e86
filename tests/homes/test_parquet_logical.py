"""Logical types of Parquet that Arrow reads as bytes."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from projects import hygge, write_project

TEXT = bytes.fromhex("25004c1c0000")
"""How a column of text ends in a footer: the converted type UTF8, the logical type String."""
ENUM = bytes.fromhex("25084c4c0000")


def enum_file(path: Path, table: pa.Table) -> None:
    """Write a file whose texts are declared as ENUM."""
    pq.write_table(table, path, store_schema=False)
    data = path.read_bytes()
    assert TEXT in data
    path.write_bytes(data.replace(TEXT, ENUM))
    kinds = pq.ParquetFile(path).schema
    assert "Enum" in str(kinds)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_project(
        tmp_path,
        {
            "homes/files.yml": "type: parquet\npath: in\n",
            "stores/lake.yml": "type: jsonl\npath: lake\n",
            "flows/users.yml": "home: files\nstore: lake\n",
        },
    )
    (tmp_path / "in").mkdir()
    return tmp_path


def rows(root: Path, kind: str) -> list[tuple[object, ...]]:
    read = "read_csv" if kind == "csv" else f"read_{'json' if kind == 'jsonl' else kind}"
    relation = duckdb.connect().execute(f"from {read}('{root}/lake/users/*.{kind}') order by id")
    return relation.fetchall()


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_an_enum_arrives_as_text(root: Path, kind: str) -> None:
    (root / "stores/lake.yml").write_text(f"type: {kind}\npath: lake\n")
    enum_file(root / "in/users.parquet", pa.table({"id": [1, 2, 3], "mood": ["ok", None, "é"]}))
    result = hygge(root, "go")
    assert result.returncode == 0, result.stdout + result.stderr
    assert rows(root, kind) == [(1, "ok"), (2, None), (3, "é")]
    assert hygge(root, "verify").returncode == 0


def test_enums_inside_of_others_are_text_and_bytes_beside_them_stay(root: Path) -> None:
    (root / "stores/lake.yml").write_text("type: parquet\npath: lake\n")
    nested = pa.struct([("n", pa.int64()), ("e", pa.string()), ("raw", pa.binary())])
    table = pa.table(
        {
            "id": [1],
            "l": [["a", None]],
            "s": pa.array([{"n": 1, "e": "b", "raw": b"\xff"}], nested),
            "raw": [b"\xfe"],
        }
    )
    enum_file(root / "in/users.parquet", table)
    assert hygge(root, "go").returncode == 0
    found = [(1, ["a", None], {"n": 1, "e": "b", "raw": b"\xff"}, b"\xfe")]
    assert rows(root, "parquet") == found


def test_an_enum_that_is_no_text_is_refused_by_row(root: Path) -> None:
    enum_file(root / "in/users.parquet", pa.table({"id": [1, 2], "mood": ["ok", "zz"]}))
    path = root / "in/users.parquet"
    path.write_bytes(path.read_bytes().replace(b"zz", b"\xff\xfe"))
    result = hygge(root, "go")
    assert result.returncode == 1
    assert "mood" in result.stdout + result.stderr


def test_a_variant_and_a_geometry_are_named(root: Path) -> None:
    (root / "stores/lake.yml").write_text("type: parquet\npath: lake\n")
    path = root / "in/users.parquet"
    query = "select 1 as id, {'a': 1}::variant as v, 'POINT(1 2)'::geometry as g"
    duckdb.connect().execute(f"copy ({query}) to '{path}'")
    said = hygge(root, "go", "--json").stdout
    assert "column 'v' has type VARIANT" in said
    assert "column 'g' has type GEOMETRY" in said


def test_a_footer_that_contradicts_its_row_groups_is_refused(root: Path) -> None:
    path = root / "in/users.parquet"
    pq.write_table(pa.table({"id": [1, 2]}), path, store_schema=False)
    data = path.read_bytes()
    assert data.count(b"\x16\x04\x19\x1c") == 1
    path.write_bytes(data.replace(b"\x16\x04\x19\x1c", b"\x16\x00\x19\x1c"))
    result = hygge(root, "go")
    assert result.returncode == 1
    assert "has 0 rows, but its row groups have 2" in result.stdout + result.stderr
    assert not (root / "lake/users").exists()
