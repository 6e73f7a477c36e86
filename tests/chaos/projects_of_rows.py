"""Small projects whose stores are files, and what they hold, read by DuckDB."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
from projects import write_project

Rows = list[tuple[int, str]]


def write_rows(root: Path, rows: Rows) -> None:
    """Put these rows into the home."""
    lines = ["id,name", *(f"{number},{name}" for number, name in rows)]
    (root / "in").mkdir(exist_ok=True)
    (root / "in/rows.csv").write_text("\n".join(lines) + "\n")


def project_of(root: Path, kind: str, mode: str, more: str = "") -> Path:
    """Write a project that moves `in/rows.csv` into a store of files without retries."""
    path = "lake.db" if kind in ("sqlite", "duckdb") else "lake"
    key = "primary_key: id\n" if mode == "merge" else ""
    flow = f"home: files\nstore: lake\nretries: 0\nmode: {mode}\n{key}{more}"
    return write_project(
        root,
        {
            "homes/files.yml": "type: csv\npath: in\n",
            "stores/lake.yml": f"type: {kind}\npath: {path}\n",
            "flows/rows.yml": flow,
        },
    )


def held(root: Path, kind: str) -> Rows:
    """Return the rows that a reader sees in the store, sorted; none before the first commit."""
    if kind in ("sqlite", "duckdb"):
        return _in_database(root / "lake.db", kind)
    files = [str(path) for path in (root / "lake").glob(f"rows/*.{kind}")]
    if not files:
        return []
    reader = {"parquet": "read_parquet", "csv": "read_csv", "jsonl": "read_json"}[kind]
    query = f"SELECT id, name FROM {reader}(?) ORDER BY ALL"
    with duckdb.connect() as duck:
        return duck.execute(query, [files]).fetchall()


def _in_database(file: Path, kind: str) -> Rows:
    if not file.exists():
        return []
    tables, query = "SELECT name FROM sqlite_master", "SELECT id, name FROM rows ORDER BY 1, 2"
    if kind == "sqlite":
        with closing(sqlite3.connect(file)) as lite:
            is_made = ("rows",) in lite.execute(tables).fetchall()
            return lite.execute(query).fetchall() if is_made else []
    with duckdb.connect(str(file), read_only=True) as duck:
        is_made = ("rows",) in duck.execute(tables).fetchall()
        return duck.execute(query).fetchall() if is_made else []


def copy(source: Path, target: Path) -> Path:
    """Put a copy of a project in place of what a round left behind."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)
    return target
