"""Small hygge projects on disk for tests, and the command that runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
from pydantic import BaseModel
from warm import warm

HYGGE = [sys.executable, "-m", "hygge"]


def write_project(root: Path, files: dict[str, str]) -> Path:
    """Write a project; `hygge.yml` is added when `files` holds none."""
    for name, text in {"hygge.yml": "name: test\n", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def hygge(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in `root` as a user would, with no terminal."""
    env = {**os.environ, "NO_COLOR": "1", **variables}
    if not any(name.startswith("PYTHON") for name in variables):
        return warm().run(list(arguments), root, env, timeout=1200)
    return subprocess.run(
        [*HYGGE, *arguments],
        cwd=root,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )


def least(model: type[BaseModel]) -> dict[str, str]:
    """Return the least that a home or store of a type must be told: one key and its value."""
    keys = {
        "path": "data/x",
        "dsn": "books",
        "database": "app",
        "prefix": "app:",
        "url": "https://api.example.com",
    }
    return next({key: value} for key, value in keys.items() if key in model.model_fields)


def least_words(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the same as words of `hygge new`."""
    return tuple(f"{key}={value}" for key, value in least(model).items())


def parquet_rows(folder: Path, columns: str = "count(*), count(distinct id)") -> tuple[int, ...]:
    """Ask DuckDB for figures over a store's directory; `_hygge.json` and the like are not data."""
    query = f"select {columns} from read_parquet('{folder}/*.parquet')"
    row = duckdb.connect().execute(query).fetchone()
    assert row is not None
    return tuple(int(figure) for figure in row)
