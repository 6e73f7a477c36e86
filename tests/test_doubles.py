"""Whole numbers that become decimals: doubles, where each of them stays exact."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from projects import hygge, write_project

STORES = {
    "parquet": (
        "type: parquet\npath: out\n",
        "read_parquet('out/t/*.parquet', union_by_name=true)",
    ),
    "csv": ("type: csv\npath: out\n", "read_csv('out/t/*.csv', union_by_name=true)"),
    "duckdb": ("type: duckdb\npath: out.duckdb\n", "t"),
    "sqlite": ("type: sqlite\npath: out.sqlite\n", "t"),
}


def project(root: Path, store: str, mode: str, first: int) -> Path:
    write_project(
        root,
        {
            "homes/src.yml": "type: csv\npath: in\n",
            "stores/out.yml": STORES[store][0],
            "flows/t.yml": f"home: src\nstore: out\n{mode}\n",
        },
    )
    put(root, f"id,v\n1,{first}\n", "1.csv")
    done = hygge(root, "go")
    assert done.returncode == 0, done.stdout + done.stderr
    put(root, "id,v\n2,7.5\n", "2.csv")
    return root


def put(root: Path, text: str, name: str) -> None:
    path = root / "in/t" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def read(store: str) -> list[tuple[object, ...]]:
    query = f"select id, v from {STORES[store][1]} order by id"
    if store == "sqlite":
        with closing(sqlite3.connect("out.sqlite")) as database:
            return database.execute(query).fetchall()
    with duckdb.connect("out.duckdb" if store == "duckdb" else ":memory:") as files:
        return files.execute(query).fetchall()


APPEND = "mode: append\nincremental: files"


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("mode", [APPEND, "mode: merge\nprimary_key: id\nincremental: files"])
def test_whole_numbers_become_doubles_where_all_stay_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str, mode: str
) -> None:
    root = project(tmp_path, store, mode, 2**53)
    assert hygge(root, "plan").returncode == 0
    done = hygge(root, "go")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "type of column 'v' changed from int64 to double" in done.stdout
    monkeypatch.chdir(root)
    found = read(store)
    assert found == [(1, 2.0**53), (2, 7.5)]


@pytest.mark.parametrize("store", STORES)
def test_a_number_that_no_double_holds_keeps_the_type(tmp_path: Path, store: str) -> None:
    root = project(tmp_path, store, APPEND, 2**53 + 1)
    for command in ("plan", "go"):
        done = hygge(root, command)
        assert done.returncode != 0
        assert "HG522" in done.stdout + done.stderr


def test_a_contract_that_freezes_types_refuses_decimals(tmp_path: Path) -> None:
    root = project(tmp_path, "duckdb", f"{APPEND}\nschema_contract: {{change: fail}}", 5)
    done = hygge(root, "go")
    assert done.returncode != 0
    assert "change: fail" in done.stdout + done.stderr
