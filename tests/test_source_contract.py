"""What an open home receives of the flow around it: why it is opened, and how the move ended."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import duckdb
import pytest
from ledger import TOLD, LedgerSource, Told, write_ledger
from projects import write_project
from typer.testing import CliRunner, Result

from hygge.cli.app import app
from hygge.connector import Commit, Split

PROJECT = {
    "homes/books.yml": "type: testledger\npath: books.db\n",
    "stores/lake.yml": "type: parquet\npath: lake\n",
    "flows/users.yml": "mode: append\nincremental: id\n",
}


@pytest.fixture
def told(tmp_path: Path) -> Told:
    write_project(tmp_path, PROJECT)
    return write_ledger(tmp_path / "books.db", users="select 1 as id, 'ann' as name")


def go(root: Path) -> Result:
    return CliRunner().invoke(app, ["-C", str(root), "go"])


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
    assert sum(bool(why) for why in seen.values()) >= 6, seen


def landed(root: Path) -> list[int]:
    found = duckdb.connect().execute(f"select id from '{root}/lake/users/*.parquet' order by 1")
    return [row[0] for row in found.fetchall()]


def test_a_source_learns_which_commit_covers_its_rows(tmp_path: Path, told: Told) -> None:
    commits: list[int] = []
    told.on_settle = lambda commit: commits.append(len(landed(tmp_path)))
    hygge(tmp_path, "go")
    hygge(tmp_path, "verify", "users")
    (commit,) = told.settled
    assert commit is not None
    assert (commit.seq, commit.rows, commits) == (1, 1, [1])


@pytest.mark.parametrize("words", [("--limit", "1"), ("--into-scratch",)])
def test_what_lands_in_part_or_for_a_try_consumes_nothing(
    tmp_path: Path, told: Told, words: tuple[str, ...]
) -> None:
    write_project(tmp_path, {"flows/users.yml": "mode: replace\n"})
    hygge(tmp_path, "go", *words)
    assert {request.purpose.value for request in told.requests} == {"look"}
    assert told.settled == []


def test_a_source_learns_that_nothing_was_published(tmp_path: Path, told: Told) -> None:
    write_project(tmp_path, {"flows/users.yml": "checks: [{row_count: {min: 2}}]\n"})
    assert go(tmp_path).exit_code == 1
    assert told.settled == [None]


@pytest.mark.parametrize("published", [True, False])
def test_a_home_that_cannot_be_informed_is_a_note_and_no_second_move(
    tmp_path: Path, told: Told, *, published: bool
) -> None:
    def lose(commit: Commit | None) -> None:
        raise ConnectionError("the server is gone")

    told.on_settle = lose
    if not published:
        write_project(tmp_path, {"flows/users.yml": "checks: [{row_count: {min: 2}}]\n"})
    done = go(tmp_path)
    how = "published by commit 1" if published else "not published"
    text = " ".join(done.output.split())
    assert ("warning: the home" in text) == published
    assert f"the home could not be informed that its data was {how}: the server is gone" in text
    assert done.exit_code == (0 if published else 1)
    assert len(told.settled) == 1
    if published:
        told.on_settle = lambda commit: None
        hygge(tmp_path, "go")
        assert landed(tmp_path) == [1]


def test_each_attempt_is_settled_on_its_own(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hygge.engine.retry.FIRST_WAIT_SECONDS", 0.01)
    read = LedgerSource.read

    def lose_once(source: LedgerSource, split: Split) -> AbstractContextManager[object]:
        if not told.settled:
            raise ConnectionError("the server is gone")
        return read(source, split)

    monkeypatch.setattr(LedgerSource, "read", lose_once)
    hygge(tmp_path, "go")
    assert [commit and commit.seq for commit in told.settled] == [None, 1]
