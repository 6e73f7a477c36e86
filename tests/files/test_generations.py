from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import duckdb
import polars
import pyarrow as pa
import pytest
from moves import ROWS, a_request, expected_rows, move, store_at

from hygge.connector import Mode, Store
from hygge.connectors.files.local import durable
from hygge.connectors.files.local.owner import Owner
from hygge.errors import CommitUnknownError, StoreError
from hygge.values.model import Commit, Split


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store of columns in `tmp_path/lake`."""
    return store_at(tmp_path, "parquet")


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """Where the entity's readers look."""
    return tmp_path / "lake" / "users"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where hygge keeps what is not published."""
    return tmp_path / "lake" / ".hygge" / "users"


def rows_in(live: Path) -> list[tuple[int, int]]:
    """Return what DuckDB sees, sorted."""
    with duckdb.connect() as duck:
        sql = f"SELECT row, seq FROM '{live}/*.parquet' ORDER BY ALL"
        return duck.execute(sql).fetchall()


def owner_elsewhere(**changes: object) -> bytes:
    """Return what a claim of another process says."""
    here = json.loads(Owner.here("theirs", 1, lock=1).dump())
    return json.dumps(here | changes).encode()


def test_the_layout_on_disk_is_the_documented_one(store: Store, live: Path, state: Path) -> None:
    for _ in range(2):
        move(store, a_request(Mode.REPLACE, None))
    record = json.loads((live / "_hygge.json").read_text())
    assert (record["format"], record["flow"], record["entity"], record["seq"]) == (
        1,
        "users",
        "users",
        2,
    )
    assert [column["type"] for column in record["schema"]["columns"]] == ["int64", "int64"]
    assert record["rows"] == record["total_rows"] == ROWS
    names = [part["name"] for part in record["parts"]]
    assert names == sorted(path.name for path in live.glob("part-00000002-*.parquet"))
    assert sum(part["bytes"] for part in record["parts"]) == sum(
        (live / name).stat().st_size for name in names
    )
    assert json.loads((state / "previous-1" / "_hygge.json").read_text())["seq"] == 1
    assert sorted(path.name for path in state.iterdir()) == ["claims", "lock", "previous-1"]


@pytest.mark.parametrize("kind", ["parquet", "arrow", "orc", "csv", "jsonl"])
def test_the_record_has_the_checksum_of_each_file(kind: str, tmp_path: Path, live: Path) -> None:
    packing = {"compression": "zstd"} if kind in ("csv", "jsonl") else {}
    move(store_at(tmp_path, kind, **packing), a_request(Mode.REPLACE))
    parts = json.loads((live / "_hygge.json").read_text())["parts"]
    files = [(live / part["name"]).read_bytes() for part in parts]
    assert [(part["bytes"], part["crc32"]) for part in parts] == [
        (len(data), f"{crc32(data):08x}") for data in files
    ]


def test_appending_links_the_files_that_stay(store: Store, live: Path, state: Path) -> None:
    move(store, a_request(Mode.APPEND))
    before = {path.name: path.stat().st_ino for path in live.glob("*.parquet")}
    move(store, a_request(Mode.APPEND))
    after = {path.name: path.stat().st_ino for path in live.glob("*.parquet")}
    assert before.items() <= after.items()
    assert len(after) == 2 * len(before)
    assert rows_in(live) == expected_rows(Mode.APPEND, 2)


def test_appending_copies_where_files_can_have_one_name_only(
    store: Store, live: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    move(store, a_request(Mode.APPEND))
    monkeypatch.setattr(os, "link", link)
    move(store, a_request(Mode.APPEND))
    assert rows_in(live) == expected_rows(Mode.APPEND, 2)


def test_everything_is_synced_before_the_exchange_and_its_parents_after(
    store: Store, live: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move(store, a_request(Mode.APPEND))
    synced: set[int] = set()
    kept = {path.stat().st_ino for path in live.glob("*.parquet")}
    fsync, rename = os.fsync, durable.renameat2
    assert rename is not None

    def syncing(fd: int) -> None:
        synced.add(os.fstat(fd).st_ino)
        fsync(fd)

    def renaming(a: int, old: bytes, b: int, new: bytes, flags: int) -> int:
        if os.fsdecode(new) == str(live):
            staging = Path(os.fsdecode(old))
            everything = {path.stat().st_ino for path in (staging, *staging.rglob("*"))}
            assert everything - kept <= synced
            assert state.stat().st_ino in synced
            synced.clear()
        return rename(a, old, b, new, flags)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(durable, "renameat2", renaming)
    move(store, a_request(Mode.APPEND))
    assert {live.parent.stat().st_ino, state.stat().st_ino} <= synced


def failing(call: Callable[..., object], at: int, code: int) -> Callable[..., object]:
    """Return `call`, except that its `at`-th use and all later ones raise."""
    uses = iter(range(1, 10**9))

    def using(*arguments: object, **options: object) -> object:
        if next(uses) >= at:
            raise OSError(code, os.strerror(code))
        return call(*arguments, **options)

    return using


@pytest.mark.parametrize("at", range(1, 18))
def test_a_disk_that_fails_to_sync_publishes_nothing_or_says_it_is_unknown(
    store: Store, live: Path, state: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    move(store, a_request(Mode.APPEND))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(os.fsync, at, errno.EIO))
        error = None
        try:
            move(store, a_request(Mode.APPEND))
        except (StoreError, CommitUnknownError) as raised:
            error = raised
    is_published = error is None or isinstance(error, CommitUnknownError)
    assert rows_in(live) == expected_rows(Mode.APPEND, 2 if is_published else 1)
    if error is not None and not is_published:
        assert os.strerror(errno.EIO) in error.message
        assert not list(state.glob("*.1"))
    commit = move(store, a_request(Mode.APPEND))
    assert rows_in(live) == expected_rows(Mode.APPEND, commit.seq)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_place_that_cannot_be_written_is_refused_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    store = store_at(tmp_path, "parquet")
    monkeypatch.setattr(os, "mkdir", failing(os.mkdir, 1, code))
    with (
        pytest.raises(StoreError, match="lake/users") as raised,
        store.open(a_request(Mode.REPLACE)),
    ):
        pytest.fail("the source would have been read")
    assert os.strerror(code) in raised.value.message


def test_a_file_that_outgrows_the_disk_leaves_the_store_as_it_was(
    store: Store, live: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move(store, a_request(Mode.REPLACE))
    noise = pa.table({"row": pa.array([os.urandom(1000) for _ in range(2000)])})
    opened = os.open

    def open_full(path: str, flags: int, *rest: int, **options: int) -> int:
        fd = opened(path, flags, *rest, **options)
        if flags & os.O_EXCL:
            os.close(fd)
            return opened("/dev/full", os.O_WRONLY)
        return fd

    with store.open(a_request(Mode.REPLACE)) as target:
        monkeypatch.setattr(os, "open", open_full)
        with pytest.raises(StoreError, match="No space left"):
            target.stage(noise.to_reader(), Split(0, "all"))
    assert rows_in(live) == expected_rows(Mode.REPLACE, 1)
    assert not list(state.glob("*.1"))


def test_a_directory_without_a_record_is_refused(store: Store, live: Path) -> None:
    live.mkdir(parents=True)
    polars.DataFrame({"row": [1, 2], "seq": [0, 0]}).write_parquet(live / "mine.parquet")
    for mode in (Mode.REPLACE, Mode.APPEND):
        with pytest.raises(StoreError, match=r"did not write: mine\.parquet") as raised:
            move(store, a_request(mode))
        assert "--adopt" in (raised.value.hint or "")
    assert rows_in(live) == [(1, 0), (2, 0)]


def test_an_adopted_directory_is_appended_to(store: Store, live: Path) -> None:
    (live / "year=2024").mkdir(parents=True)
    polars.DataFrame({"row": [1, 2], "seq": [0, 0]}).write_parquet(live / "mine.parquet")
    with store.open(a_request(Mode.APPEND, adopt=True)) as target:
        assert target.last_commit() is None
        schema = target.schema()
        assert schema is not None
        assert schema.names == ["row", "seq"]
    move(store, a_request(Mode.APPEND, adopt=True))
    assert rows_in(live) == sorted([(1, 0), (2, 0), *expected_rows(Mode.APPEND, 1)])
    assert json.loads((live / "_hygge.json").read_text())["total_rows"] == ROWS + 2
    move(store, a_request(Mode.APPEND))
    assert len(rows_in(live)) == 2 * ROWS + 2


def test_an_adopted_directory_is_moved_aside_by_a_replace(
    store: Store, live: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hygge.connectors.files.local.recovery.LISTING_GRACE", 0.0)
    live.mkdir(parents=True)
    (live / "notes.txt").write_text("mine")
    move(store, a_request(Mode.REPLACE, adopt=True))
    assert rows_in(live) == expected_rows(Mode.REPLACE, 1)
    assert (state / "previous-0" / "notes.txt.aside").read_text() == "mine"


def test_a_file_put_among_those_of_hygge_is_not_lost(store: Store, live: Path) -> None:
    move(store, a_request(Mode.APPEND))
    polars.DataFrame({"row": [99], "seq": [0]}).write_parquet(live / "mine.parquet")
    with pytest.raises(StoreError, match=r"mine\.parquet"):
        move(store, a_request(Mode.REPLACE))
    move(store, a_request(Mode.APPEND, adopt=True))
    assert rows_in(live) == sorted([(99, 0), *expected_rows(Mode.APPEND, 2)])


@pytest.mark.parametrize("name", ["notes.txt", "link.parquet"])
def test_what_is_no_data_file_of_the_format_is_not_appended_to(
    store: Store, live: Path, tmp_path: Path, name: str
) -> None:
    live.mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (live / name).symlink_to(tmp_path / "secret")
    with pytest.raises(StoreError, match="cannot be taken over"):
        move(store, a_request(Mode.APPEND, adopt=True))
    assert (live / name).is_symlink()


def test_an_empty_directory_is_no_obstacle(store: Store, live: Path) -> None:
    live.mkdir(parents=True)
    move(store, a_request(Mode.REPLACE))
    assert rows_in(live) == expected_rows(Mode.REPLACE, 1)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 99}'])
def test_a_record_that_cannot_be_read_stops_with_a_choice(
    store: Store, live: Path, text: str
) -> None:
    move(store, a_request(Mode.REPLACE))
    (live / "_hygge.json").write_text(text)
    with pytest.raises(StoreError, match=r"_hygge\.json") as raised:
        move(store, a_request(Mode.REPLACE))
    assert raised.value.hint
    assert len(list(live.glob("*.parquet"))) == 3


@pytest.mark.parametrize("name", ["../../outside", "/etc/passwd", "a//b", "."])
def test_a_record_that_names_files_elsewhere_is_refused(
    store: Store, live: Path, name: str
) -> None:
    move(store, a_request(Mode.APPEND))
    record = json.loads((live / "_hygge.json").read_text())
    record["parts"][0]["name"] = name
    (live / "_hygge.json").write_text(json.dumps(record))
    with pytest.raises(StoreError, match="not the name of a data file"):
        move(store, a_request(Mode.APPEND))


def test_a_part_that_was_lost_or_cut_stops_an_append(store: Store, live: Path) -> None:
    move(store, a_request(Mode.APPEND))
    path = min(live.glob("*.parquet"))
    path.write_bytes(b"x")
    with pytest.raises(StoreError, match=f"{path.name}.*has 1 byte"):
        move(store, a_request(Mode.APPEND))
    path.unlink()
    with pytest.raises(StoreError, match=f"{path.name}.*missing"):
        move(store, a_request(Mode.APPEND))
    move(store, a_request(Mode.REPLACE))
    assert rows_in(live) == expected_rows(Mode.REPLACE, 2)


@pytest.mark.parametrize(
    "into",
    ["", ".", "..", ".hidden", "_skipped", "a/b", "a\\b", "a\0b", "a\nb", "e\u0301", "x" * 201],
)
def test_a_name_that_is_no_directory_is_refused(store: Store, tmp_path: Path, into: str) -> None:
    with pytest.raises(StoreError, match="cannot be the name") as raised:
        move(store, replace(a_request(Mode.REPLACE), into=into))
    assert "into" in (raised.value.hint or "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "a b", "", "x" * 65])
def test_a_run_id_that_is_no_name_is_refused(store: Store, name: str) -> None:
    with pytest.raises(StoreError, match="invalid run id"):
        move(store, replace(a_request(Mode.REPLACE), run_id=name))


def test_the_folder_of_the_project_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "hygge.yml").touch()
    with pytest.raises(StoreError, match="project"):
        move(store_at(tmp_path, "parquet"), a_request(Mode.REPLACE))


@pytest.mark.parametrize("name", [".hygge", ".hygge/users", ".hygge/users/claims", "users"])
def test_a_planted_link_is_never_followed(store: Store, tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o700)
    (victim / "precious.txt").write_text("precious")
    link = tmp_path / "lake" / name
    link.parent.mkdir(parents=True, mode=0o700)
    link.symlink_to(victim)
    with pytest.raises(StoreError, match="link"):
        move(store, a_request(Mode.REPLACE))
    assert [path.name for path in victim.iterdir()] == ["precious.txt"]


def test_links_among_the_staging_are_not_followed(
    store: Store, live: Path, state: Path, tmp_path: Path
) -> None:
    move(store, a_request(Mode.REPLACE))
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious.txt").write_text("precious")
    (state / "dead.1").mkdir()
    (state / "dead.1" / "inner").symlink_to(victim)
    (state / "ours.1").symlink_to(victim)
    (state / f"gone-{'0' * 16}").symlink_to(victim)
    with pytest.raises(StoreError):
        move(store, a_request(Mode.REPLACE, "ours"))
    move(store, a_request(Mode.REPLACE))
    assert (victim / "precious.txt").read_text() == "precious"
    assert not (state / "dead.1").exists()
    assert rows_in(live) == expected_rows(Mode.REPLACE, 2)


def test_recovery_leaves_names_that_are_not_hygges(store: Store, state: Path) -> None:
    move(store, a_request(Mode.REPLACE))
    names = ["notes", "previous.bak", "old-1", "gone-1", "run.x", "data.tmp", "x.owner"]
    for name in names:
        (state / name).mkdir()
    move(store, a_request(Mode.REPLACE))
    assert set(names) <= {path.name for path in state.iterdir()}


def test_what_hygge_keeps_is_private_and_what_it_publishes_is_not(
    store: Store, live: Path, state: Path
) -> None:
    before = os.umask(0)
    try:
        move(store, a_request(Mode.REPLACE))
        move(store, a_request(Mode.REPLACE))
    finally:
        os.umask(before)
    private = [state.parent, state, state / "claims", state / "lock"]
    assert not any(stat.S_IMODE(path.stat().st_mode) & 0o077 for path in private)
    assert {stat.S_IMODE(path.stat().st_mode) for path in live.iterdir()} == {0o666}
    assert stat.S_IMODE(live.stat().st_mode) == 0o777


def test_who_may_read_a_table_is_kept_over_commits(store: Store, live: Path) -> None:
    move(store, a_request(Mode.REPLACE))
    group = 12345 if os.geteuid() == 0 else os.getegid()
    os.chown(live, -1, group)
    live.chmod(0o2750)
    for mode in (Mode.APPEND, Mode.REPLACE):
        move(store, a_request(mode))
        status = live.stat()
        assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o2750, group)


def test_state_that_others_could_write_is_refused(store: Store, state: Path) -> None:
    move(store, a_request(Mode.REPLACE))
    state.chmod(0o777)
    with pytest.raises(StoreError, match="another user owns or can write"):
        move(store, a_request(Mode.REPLACE))


@pytest.mark.parametrize("changes", [{"pid": 2**22 + 1}, {"started": "1"}, {"boot_id": "earlier"}])
def test_a_claim_of_a_dead_process_is_removed(
    store: Store, live: Path, state: Path, changes: dict[str, object]
) -> None:
    move(store, a_request(Mode.APPEND))
    (state / "claims" / "2").write_bytes(owner_elsewhere(**changes))
    move(store, a_request(Mode.APPEND))
    assert rows_in(live) == expected_rows(Mode.APPEND, 2)


@pytest.mark.parametrize("changes", [{}, {"host": "other", "boot_id": "other"}])
def test_a_claim_that_may_be_alive_is_left_to_a_person(
    store: Store, live: Path, state: Path, changes: dict[str, object]
) -> None:
    move(store, a_request(Mode.APPEND))
    claim = state / "claims" / "2"
    claim.write_bytes(owner_elsewhere(**changes))
    with pytest.raises(StoreError, match="claimed by run theirs") as raised:
        move(store, a_request(Mode.APPEND))
    assert f"rm {claim}" in (raised.value.hint or "")
    claim.unlink()
    move(store, a_request(Mode.APPEND))
    assert rows_in(live) == expected_rows(Mode.APPEND, 2)


def test_a_claim_whose_commit_has_landed_is_removed(store: Store, state: Path) -> None:
    move(store, a_request(Mode.APPEND))
    claim = state / "claims" / "1"
    claim.write_bytes(owner_elsewhere(host="other", boot_id="other"))
    move(store, a_request(Mode.APPEND))
    assert not claim.exists()


def test_a_commit_that_another_run_claims_meanwhile_is_refused(
    store: Store, live: Path, state: Path
) -> None:
    move(store, a_request(Mode.APPEND))
    request = a_request(Mode.APPEND)
    with pytest.raises(StoreError, match="belongs to run theirs"), store.open(request) as target:
        part = target.stage(pa.table({"row": [1], "seq": [2]}).to_reader(), Split(0, "all"))
        (state / "claims" / "2").write_bytes(owner_elsewhere())
        commit = target.last_commit()
        assert commit is not None
        target.commit([part], replace(commit, seq=2, rows=1, run_id=request.run_id))
    assert rows_in(live) == expected_rows(Mode.APPEND, 1)


def test_a_run_that_slept_through_anothers_commit_is_fenced(
    store: Store, live: Path, state: Path
) -> None:
    first = move(store, a_request(Mode.APPEND))
    sleeper = a_request(Mode.APPEND)
    with pytest.raises(StoreError, match="belongs to run"), store.open(sleeper) as target:
        part = target.stage(pa.table({"row": [1], "seq": [2]}).to_reader(), Split(0, "all"))
        # Another machine, whose lock this one cannot see, commits meanwhile.
        (state / "lock").unlink()
        move(store, a_request(Mode.APPEND))
        target.commit([part], replace(first, seq=2, rows=1, run_id=sleeper.run_id))
    assert rows_in(live) == expected_rows(Mode.APPEND, 2)


@pytest.mark.parametrize("lost", ["a file", "the folder"])
def test_staged_files_that_a_rival_removed_are_explained_by_the_rival(
    store: Store, live: Path, state: Path, lost: str
) -> None:
    move(store, a_request(Mode.APPEND))
    request = a_request(Mode.APPEND)
    rival = "already being written by run theirs"
    with pytest.raises(StoreError, match=rival) as caught, store.open(request) as target:
        part = target.stage(pa.table({"row": [1], "seq": [2]}).to_reader(), Split(0, "all"))
        # A run whose lock this file system gave it as well cleared the place.
        (state / "lock").write_bytes(owner_elsewhere())
        (staging,) = state.glob(f"*{request.run_id}*.1")
        shutil.rmtree(staging) if lost == "the folder" else next(staging.iterdir()).unlink()
        commit = target.last_commit()
        assert commit is not None
        target.commit([part], replace(commit, seq=2, rows=1, run_id=request.run_id))
    assert caught.value.code == "HG512"
    assert rows_in(live) == expected_rows(Mode.APPEND, 1)


def test_a_first_commit_does_not_overwrite_what_appeared_meanwhile(
    store: Store, live: Path
) -> None:
    request = a_request(Mode.REPLACE)
    table = pa.table({"row": [1], "seq": [1]})
    with pytest.raises(StoreError), store.open(request) as target:
        part = target.stage(table.to_reader(), Split(0, "all"))
        live.symlink_to("elsewhere")
        commit = Commit(
            "users", "users", 1, request.run_id, Mode.REPLACE, 1, 1, table.schema, "2024"
        )
        target.commit([part], commit)
    assert live.is_symlink()


def test_the_same_attempt_cannot_publish_twice(store: Store) -> None:
    move(store, a_request(Mode.REPLACE, "once"))
    with pytest.raises(StoreError, match="already published commit 1"):
        move(store, a_request(Mode.REPLACE, "once"))


def test_a_commit_that_counts_other_rows_than_its_parts_is_refused(store: Store) -> None:
    table = pa.table({"row": [1], "seq": [1]})
    request = a_request(Mode.REPLACE)
    with pytest.raises(StoreError, match="has 2 rows, but"), store.open(request) as target:
        part = target.stage(table.to_reader(), Split(0, "all"))
        commit = Commit(
            "users", "users", 1, request.run_id, Mode.REPLACE, 2, 2, table.schema, "2024"
        )
        target.commit([part], commit)


def test_the_generation_before_is_kept_and_older_ones_go(
    store: Store, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hygge.connectors.files.local.recovery.READER_GRACE", 0.0)
    for _ in range(4):
        move(store, a_request(Mode.REPLACE))
    assert json.loads((state / "previous-3" / "_hygge.json").read_text())["seq"] == 3
    assert len(list(state.glob("previous-*"))) == 1
    assert not list(state.glob("old-*"))


def test_a_store_on_a_file_is_refused_by_its_check(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file")
    store = store_at(tmp_path, "parquet")
    with pytest.raises(StoreError, match="not a directory"):
        store.check()
    with pytest.raises(StoreError):
        move(store, a_request(Mode.REPLACE))
