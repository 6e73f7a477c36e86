"""What an open home receives of the flow around it: why it is opened, and how the move ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from ledger import TOLD, Told, write_ledger
from projects import write_project
from typer.testing import CliRunner

from hygge.cli.app import app

PROJECT = {
    "homes/books.yml": "type: testledger\npath: books.db\n",
    "stores/lake.yml": "type: parquet\npath: lake\n",
    "flows/users.yml": "mode: append\nincremental: id\n",
}


@pytest.fixture
def told(tmp_path: Path) -> Told:
    write_project(tmp_path, PROJECT)
    return write_ledger(tmp_path / "books.db", users="select 1 as id, 'ann' as name")


def hygge(root: Path, *words: str) -> str:
    done = CliRunner().invoke(app, ["-C", str(root), *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_only_go_opens_a_home_to_move(tmp_path: Path, told: Told) -> None:
    assert TOLD[str(tmp_path / "books.db")] is told
    seen = {}
    for words in (
        ("plan",),
        ("go",),
        ("verify", "users"),
        ("state", "set", "users", "1"),
        ("schema", "lock"),
        ("discover", "books"),
        ("doctor",),
        ("go",),
    ):
        told.requests.clear()
        hygge(tmp_path, *words)
        seen[" ".join(words)] = {request.purpose.value for request in told.requests}
    assert {words: why for words, why in seen.items() if "move" in why} == {"go": {"move"}}
    assert sum(why == {"look"} for why in seen.values()) >= 5, seen
