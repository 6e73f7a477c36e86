"""A merge reports how many rows are new, how many were there, and how many it deleted."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from projects import hygge, write_project
from undo_places import KINDS, open_place

FLOW = "home: lake\nstore: db\nentity: users\nmode: merge\nprimary_key: id\n"


def put(root: Path, *rows: tuple[int, str]) -> None:
    (root / "in").mkdir(exist_ok=True)
    values = ", ".join(map(str, rows))
    duckdb.execute(f"COPY (VALUES {values}) TO '{root}/in/users.csv' (HEADER false)")
    text = (root / "in" / "users.csv").read_text()
    (root / "in" / "users.csv").write_text(f"id,name\n{text}")


def merged(root: Path) -> tuple[int | None, int | None, int | None]:
    ran = hygge(root, "go")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (move,) = json.loads((root / ".hygge" / "runs" / "latest.json").read_text())["outcomes"]
    return move["added"], move["changed"], move["deleted"]


@pytest.mark.parametrize("deletes", ["", "delete_missing: hard\n", "delete_missing: soft\n"])
@pytest.mark.parametrize("kind", [one for one in KINDS if one not in ("csv", "jsonl", "orc")])
def test_new_changed_and_deleted_rows_are_counted(tmp_path: Path, kind: str, deletes: str) -> None:
    with open_place(kind, tmp_path) as place:
        files = {
            "homes/lake.yml": "type: csv\npath: in\n",
            "stores/db.yml": place.yaml,
            "flows/users.yml": FLOW + deletes,
        }
        write_project(tmp_path, files)
        put(tmp_path, (1, "a"), (2, "b"), (3, "c"))
        assert merged(tmp_path) == (3, 0, 0)
        put(tmp_path, (2, "B"), (3, "c"), (4, "d"), (5, "e"))
        assert merged(tmp_path) == (2, 2, 1 if deletes else 0)
        assert len(place.rows("id")) == (4 if "hard" in deletes else 5)


def test_an_append_counts_no_changes(tmp_path: Path) -> None:
    files = {
        "homes/lake.yml": "type: csv\npath: in\n",
        "stores/db.yml": "type: duckdb\npath: t.duckdb\n",
        "flows/users.yml": "home: lake\nstore: db\nentity: users\nmode: append\n",
    }
    put(write_project(tmp_path, files), (1, "a"))
    assert merged(tmp_path) == (None, None, None)
