"""What is not live is found by no pattern for data files, however it treats hidden folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from moves import a_request, expected_rows, move, store_at

from hygge.connector import Mode, Split, Store
from hygge.connectors.files.local.place import Place
from hygge.connectors.files.local.recovery import recover

TYPES = ("parquet", "csv", "jsonl")


def everywhere(root: Path, kind: str) -> list[tuple[int, int]]:
    """Return the rows of all data files below the lake, hidden folders and all."""
    with duckdb.connect() as duck:
        pattern = f"{root}/lake/**/*.{kind}"
        return duck.execute(f"SELECT row, seq FROM '{pattern}' ORDER BY ALL").fetchall()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hygge.connectors.files.local.recovery.LISTING_GRACE", 0.0)


def bare(root: Path, kind: str) -> None:
    """Give what is kept the names that an older hygge gave it."""
    for path in (root / "lake" / ".hygge").rglob(f"*.{kind}.aside"):
        path.rename(path.with_name(path.name.removesuffix(".aside")))


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("mode", [Mode.REPLACE, Mode.APPEND, Mode.MERGE])
def test_a_pattern_over_hidden_folders_finds_live_rows_only(
    tmp_path: Path, kind: str, mode: Mode
) -> None:
    store = store_at(tmp_path, kind)
    for number in (1, 2, 3):
        move(store, a_request(mode))
        assert everywhere(tmp_path, kind) == expected_rows(mode, number)


def test_what_is_staged_is_not_found_either(tmp_path: Path) -> None:
    store = store_at(tmp_path, "csv", compression="gzip")
    move(store, a_request(Mode.REPLACE))
    live = sorted((tmp_path / "lake").rglob("*.csv*"))
    import pyarrow as pa

    with store.open(a_request(Mode.REPLACE)) as target:
        table = pa.table({"row": [1], "seq": [2]})
        target.stage(table.to_reader(), Split(0, "0"))
        found = sorted((tmp_path / "lake").rglob("*.csv*"))
        assert [path for path in found if path.suffix != ".aside"] == live
        assert len(found) == len(live) + 1


def test_what_an_older_hygge_kept_is_hidden_by_the_next_run(tmp_path: Path) -> None:
    store = store_at(tmp_path, "parquet")
    for _ in range(3):
        move(store, a_request(Mode.REPLACE))
    bare(tmp_path, "parquet")
    assert everywhere(tmp_path, "parquet") != expected_rows(Mode.REPLACE, 3)
    recover(Place(tmp_path / "lake", "users"), 0)
    assert everywhere(tmp_path, "parquet") == expected_rows(Mode.REPLACE, 3)


@pytest.mark.parametrize("by_old_hygge", [False, True])
def test_what_is_kept_can_be_brought_back(tmp_path: Path, by_old_hygge: bool) -> None:
    store: Store = store_at(tmp_path, "parquet", partition_by=["seq"])
    move(store, a_request(Mode.REPLACE))
    move(store, a_request(Mode.REPLACE))
    if by_old_hygge:
        bare(tmp_path, "parquet")
    request = a_request(Mode.REPLACE)
    with store.open(request) as target:
        back = target.previous()
        assert back is not None
        target.undo(replace(back, seq=3, run_id=request.run_id, undoes=2, rows=0))
    assert everywhere(tmp_path, "parquet") == expected_rows(Mode.REPLACE, 1)


def test_what_is_put_aside_just_now_is_brought_back_by_its_other_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Store = store_at(tmp_path, "parquet")
    move(store, a_request(Mode.REPLACE))
    move(store, a_request(Mode.REPLACE))
    assert list(tmp_path.rglob("*.parquet.aside"))
    # Where the files lay when undo looked; the run that replaced them has hidden them since.
    monkeypatch.setattr("hygge.connectors.files.local.generation.located", lambda path: path)
    request = a_request(Mode.REPLACE)
    with store.open(request) as target:
        back = target.previous()
        assert back is not None
        target.undo(replace(back, seq=3, run_id=request.run_id, undoes=2, rows=0))
    assert everywhere(tmp_path, "parquet") == expected_rows(Mode.REPLACE, 1)
