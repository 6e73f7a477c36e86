"""Small projects whose stores are files, and what they hold, read by DuckDB."""

from __future__ import annotations

import shutil
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
    """Return the rows that a reader sees in the store, sorted."""
    lake = root / "lake"
    if kind in ("sqlite", "duckdb"):
        with duckdb.connect() as duck:
            options = "TYPE sqlite" if kind == "sqlite" else "READ_ONLY"
            duck.execute(f"ATTACH '{lake}.db' AS lake ({options})")
            return duck.execute("SELECT id, name FROM lake.rows ORDER BY ALL").fetchall()
    files = [str(path) for path in lake.glob(f"rows/*.{kind}")]
    if not files:
        return []
    reader = {"parquet": "read_parquet", "csv": "read_csv", "jsonl": "read_json"}[kind]
    query = f"SELECT id, name FROM {reader}(?) ORDER BY ALL"
    with duckdb.connect() as duck:
        return duck.execute(query, [files]).fetchall()


def copy(source: Path, target: Path) -> Path:
    """Put a copy of a project in place of what a round left behind."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)
    return target
