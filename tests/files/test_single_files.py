"""Stores in which each entity is one file of a name that stays."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from pathlib import Path
from typing import Any

import duckdb
import polars
import pyarrow.feather
import pyarrow.orc
import pytest
from moves import a_request, expected_rows, move, store_at
from projects import hygge, write_project
from pydantic import ValidationError

from hygge.connector import Mode, Store
from hygge.connectors.files.local import durable
from hygge.errors import CommitUnknownError, StoreError

KINDS = {
    "csv": ("csv", {}),
    "csv.gz": ("csv", {"compression": "gzip"}),
    "tsv": ("csv", {"delimiter": "\t"}),
    "jsonl": ("jsonl", {}),
    "ndjson": ("jsonl", {}),
    "parquet": ("parquet", {}),
    "arrow": ("arrow", {}),
    "orc": ("orc", {}),
}


def single(root: Path, ending: str = "csv", **settings: object) -> Store:
    kind, more = KINDS[ending]
    return store_at(root, kind, path=f"lake/{{entity}}.{ending}", **more, **settings)


def rows(path: Path) -> list[tuple[int, int]]:
    """Return what another program reads in the file, sorted."""
    if path.suffix == ".arrow":
        table = pyarrow.feather.read_table(path)
    elif path.suffix == ".orc":
        table = pyarrow.orc.read_table(path)
    elif path.suffix == ".parquet":
        table = polars.read_parquet(path).to_arrow()
    else:
        how = (
            "read_json_auto"
            if path.suffix.endswith("json") or ".jsonl" in path.name
            else "read_csv"
        )
        more = ", format='newline_delimited'" if how == "read_json_auto" else ""
        return sorted(
            duckdb.connect().execute(f"select row, seq from {how}('{path}'{more})").fetchall()
        )
    return sorted(zip(table["row"].to_pylist(), table["seq"].to_pylist(), strict=True))


@pytest.mark.parametrize("mode", [Mode.REPLACE, Mode.APPEND, Mode.MERGE])
@pytest.mark.parametrize("ending", KINDS)
def test_each_commit_is_the_one_file(tmp_path: Path, ending: str, mode: Mode) -> None:
    store, path = single(tmp_path, ending), tmp_path / f"lake/users.{ending}"
    for seq in (1, 2, 3):
        assert move(store, a_request(mode)).seq == seq
        assert rows(path) == expected_rows(mode, seq)
        last = store.last_commit("users")
        assert last is not None
        assert (last.seq, last.total_rows) == (seq, len(expected_rows(mode, seq)))
    assert [one.name for one in (tmp_path / "lake").iterdir() if one.name[0] != "."] == [path.name]
    found = duckdb.connect().execute(f"select * from glob('{tmp_path}/lake/**/*.{ending}')")
    assert found.fetchall() == [(str(path),)]


@pytest.mark.parametrize(
    ("path", "more", "what"),
    [
        ("out/users.csv", {}, "path: out/{entity}.csv"),
        ("out/{entity}/data.csv", {}, "in the last step"),
        ("out/{entity}-{entity}.csv", {}, "stands once"),
        ("out/{entity}*.csv", {}, "is no pattern"),
        ("out/{entity}.txt", {}, "must end in one of  .csv"),
        ("out/{entity}.csv.gz", {}, "compression: gzip, and none is set"),
        ("out/{entity}.csv", {"compression": "zstd"}, "compression: none, and zstd is set"),
        ("out/{entity}.csv", {"file_max_rows": 5}, "file_max_rows would make several files"),
        ("out/{entity}.csv", {"partition_by": ["a"]}, "partition_by would make several files"),
    ],
)
def test_a_path_that_is_no_single_file_is_refused(
    tmp_path: Path, path: str, more: dict[str, Any], what: str
) -> None:
    with pytest.raises(ValidationError, match=re.escape(what)):
        store_at(tmp_path, "csv", path=path, **more)
    store_at(tmp_path, "parquet", path="out/{entity}.parquet", compression="gzip")


def test_a_file_that_is_there_is_refused_or_taken_over(tmp_path: Path) -> None:
    store, path = single(tmp_path), tmp_path / "lake/users.csv"
    path.parent.mkdir()
    for mode in (Mode.APPEND, Mode.REPLACE):
        path.write_text("row,seq\n7,0\n")
        path.chmod(0o640)
        with pytest.raises(
            StoreError, match=r"users\.csv contains data that hygge did not write"
        ) as no:
            move(store, a_request(mode))
        assert no.value.code == "HG534"
        move(store, a_request(mode, adopt=True))
        kept = [(7, 0)] if mode is Mode.APPEND else []
        assert rows(path) == sorted([*kept, *expected_rows(mode, 1)])
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        state = tmp_path / "lake/.hygge/users.csv"
        assert (state / "previous-0/users.csv.aside").read_text() == "row,seq\n7,0\n"
        shutil.rmtree(state)


def test_what_somebody_did_to_the_file_is_not_lost_by_an_append(tmp_path: Path) -> None:
    store, path = single(tmp_path), tmp_path / "lake/users.csv"
    move(store, a_request(Mode.APPEND))
    written = path.read_text()
    for changed in (written.replace("1,1", "1,9"), written + "99,9\n", None):
        path.unlink()
        if changed is not None:
            path.write_text(changed)
        with pytest.raises(
            StoreError, match=r"lake/users\.csv (was changed|does not match its commit)"
        ):
            move(store, a_request(Mode.APPEND))
        assert (path.read_text() if path.exists() else None) == changed
    path.write_text(written)  # a copy of it is as good
    assert move(store, a_request(Mode.APPEND)).seq == 2
    path.write_text("row,seq\n")
    assert move(store, a_request(Mode.REPLACE)).seq == 3
    assert rows(path) == expected_rows(Mode.REPLACE, 3)


@pytest.mark.parametrize("what", ["link", "directory"])
def test_a_link_or_directory_of_the_name_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "lake/users.csv"
    path.parent.mkdir()
    if what == "link":
        path.symlink_to(tmp_path / "elsewhere.csv")
    else:
        path.mkdir()
    with pytest.raises(StoreError, match=r"users\.csv is a link or a directory"):
        move(single(tmp_path), a_request(Mode.REPLACE))


def test_a_disk_that_does_not_confirm_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, path = single(tmp_path), tmp_path / "lake/users.csv"
    move(store, a_request(Mode.REPLACE))
    sync = durable.sync_directory

    def failing(folder: Path) -> None:
        if folder == tmp_path / "lake":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(folder)

    request = a_request(Mode.REPLACE)
    monkeypatch.setattr(durable, "sync_directory", failing)
    with pytest.raises(CommitUnknownError):
        move(store, request)
    monkeypatch.undo()
    last = store.last_commit("users")
    assert last is not None
    assert (last.seq, last.run_id) == (2, request.run_id)
    assert rows(path) == expected_rows(Mode.REPLACE, 2)
    assert move(store, a_request(Mode.REPLACE)).seq == 3


def test_a_flow_moves_shrinks_verifies_and_undoes_one_file(tmp_path: Path) -> None:
    write_project(
        tmp_path,
        {
            "homes/in.yml": "type: csv\npath: in\n",
            "stores/out.yml": "type: csv\npath: out/{entity}.csv\n",
            "flows/t.yml": "home: in\nstore: out\nmax_shrink: 50%\nkeep_generations: 2\n",
            "in/t.csv": 'id,n\n1,x\n2,\n3,""\n',
        },
    )
    path = tmp_path / "out/t.csv"
    assert hygge(tmp_path, "go").returncode == 0
    first = path.read_text()
    assert first == (tmp_path / "in/t.csv").read_text()
    assert hygge(tmp_path, "verify").returncode == 0
    (tmp_path / "in/t.csv").write_text("id,n\n1,x\n")
    assert "HG533" in hygge(tmp_path, "go").stdout + hygge(tmp_path, "go").stderr
    assert path.read_text() == first
    (tmp_path / "in/t.csv").write_text("id,n\n1,x\n2,y\n")
    assert hygge(tmp_path, "go").returncode == 0
    assert hygge(tmp_path, "plan").returncode == 0
    assert hygge(tmp_path, "undo", "t", "--yes").returncode == 0
    assert path.read_text() == first
    assert hygge(tmp_path, "state", "show", "t").returncode == 0
    assert hygge(tmp_path, "go").returncode == 0
    assert path.read_text() == "id,n\n1,x\n2,y\n"
