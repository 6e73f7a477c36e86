"""`incremental: files`: each file once, whatever comes between two runs."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from projects import HYGGE, write_project
from typer.testing import CliRunner

from hygge.cli.app import app
from hygge.connector import HomeConfig, ProjectContext, ReadRequest
from hygge.connectors.files.local.disk import LocalFiles
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.positions import MOST_GONE, Listing
from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Selection, make_plan
from hygge.errors import UsageError
from hygge.project import Project
from hygge.values.commits import dump_commit, load_commit
from hygge.values.model import Commit, Mode, Outcome, Result

APPEND = "home: files\nstore: lake\nmode: append\nincremental: files\n"


def write(root: Path, name: str, text: str) -> Path:
    path = root / "in" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_project(
        tmp_path,
        {
            "homes/files.yml": "type: csv\npath: in\n",
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "flows/users.yml": APPEND,
        },
    )
    write(tmp_path, "users/1.csv", "id,name\n1,ann\n2,bob\n")
    return tmp_path


def go(root: Path, *, full_refresh: bool = False) -> Outcome:
    plan = make_plan(Project.load(root), Selection(), full_refresh=full_refresh)
    (outcome,) = run(plan, stop=Stop(), listen=lambda _: None).outcomes
    return outcome


def ids(root: Path) -> list[int]:
    rows = duckdb.connect().execute(f"select id from '{root}/lake/users/*.parquet' order by 1")
    return [row[0] for row in rows.fetchall()]


def positions(root: Path) -> dict[str, str]:
    record = json.loads((root / "lake/users/_hygge.json").read_text())
    names: dict[str, str] = record["positions"]
    return names


def test_only_new_files_are_moved_and_the_commit_knows_all(root: Path) -> None:
    assert go(root).rows == 2
    write(root, "users/day=2/2.csv", "id,name\n3,cyd\n")
    assert go(root).rows == 1
    assert ids(root) == [1, 2, 3]
    assert list(positions(root)) == ["users/1.csv", "users/day=2/2.csv"]


def test_without_a_new_file_nothing_is_read_and_nothing_published(root: Path) -> None:
    first = go(root)
    (root / "in/users/1.csv").chmod(0)
    again = go(root)
    assert (again.result, again.seq, again.rows) == (Result.OK, first.seq, 0)
    assert again.notes == ("nothing new",)


@pytest.mark.parametrize("leave_directory", [True, False])
def test_an_entity_whose_files_are_gone_has_nothing_new(
    root: Path, *, leave_directory: bool
) -> None:
    path = root / "in/users/1.csv"
    go(root)
    moved_on = path.rename(root / "1.csv")
    if not leave_directory:
        path.parent.rmdir()
    assert go(root).notes == ("nothing new",)
    write(root, "users/2.csv", "id,name\n3,cyd\n")
    assert go(root).rows == 1
    path.parent.mkdir(exist_ok=True)
    moved_on.rename(path)
    assert go(root).notes == ("nothing new",)
    assert ids(root) == [1, 2, 3]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("content", [b"", gzip.compress(b"\n")], ids=["empty", "packed"])
def test_a_new_file_that_is_empty_is_nothing_new(root: Path, kind: str, content: bytes) -> None:
    """It is known by the next commit, so that it does not stand in the way of any other."""
    first, second = "id,name\n1,ann\n", "id,name\n3,cyd\n"
    if kind == "jsonl":
        first, second = '{"id": 1, "name": "ann"}\n', '{"id": 3, "name": "cyd"}\n'
    write_project(root, {"homes/files.yml": f"type: {kind}\npath: in\n"})
    write(root, f"users/1.{kind}", first)
    empty = root / f"in/users/2.{kind}{'.gz' if content else ''}"
    empty.write_bytes(content)
    assert go(root).rows == 1
    empty.write_bytes(content)
    os.utime(empty, ns=(5, 5))
    outcome = go(root)
    assert (outcome.result, outcome.notes) == (Result.OK, ("nothing new",)), outcome.failure
    write(root, f"users/3.{kind}", second)
    assert go(root).rows == 1
    assert ids(root) == [1, 3]
    assert len(positions(root)) == 3
    empty.write_text(second.replace("3", "4"))
    assert (go(root).result is Result.OK) == (not content), "a packed one is another file now"
    assert ids(root) == ([1, 3] if content else [1, 3, 4])


def test_files_of_which_none_has_a_column_are_an_error_at_first(root: Path) -> None:
    write(root, "users/1.csv", "")
    failure = go(root).failure
    assert failure is not None
    assert "has no columns" in failure.message


def test_the_lock_of_a_flow_is_held_against_new_files(root: Path) -> None:
    """A narrower guess takes the type that the store holds; a wider one stops the move."""
    write(root, "users/1.csv", "id,size\n1,1.5\n")
    assert go(root).rows == 1
    assert CliRunner().invoke(app, ["-C", str(root), "schema", "lock", "users"]).exit_code == 0
    write(root, "users/2.csv", "id,size\n2,2\n")
    assert go(root).rows == 1
    write(root, "users/3.csv", "id,size\n3,x\n")
    failure = go(root).failure
    assert failure is not None
    assert failure.code == "HG522"
    assert ids(root) == [1, 2]


def test_an_entity_that_never_had_a_file_is_an_error(root: Path) -> None:
    (root / "in/users/1.csv").unlink()
    outcome = go(root)
    assert outcome.failure is not None
    assert "has no files" in outcome.failure.message


def test_of_a_file_that_has_grown_only_the_new_rows_are_appended(root: Path) -> None:
    go(root)
    write(root, "users/1.csv", "id,name\n1,ann\n2,bob\n9,eve\n")
    write(root, "users/2.csv", "id,name\n3,cyd\n")
    outcome = go(root)
    assert (outcome.rows, outcome.notes) == (2, ())
    assert go(root).notes == ("nothing new",)
    write(root, "users/1.csv", "id,name\n1,ann\n2,bob\n9,eve\n10,flo")
    assert go(root).rows == 1
    write(root, "users/1.csv", "id,name\n1,ann\n2,bob\n9,eve\n10,flo\n11,gil\n")
    assert go(root).rows == 1
    assert ids(root) == [1, 2, 3, 9, 10, 11]


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "marked"])
def test_quoted_line_ends_and_crlf_do_not_move_the_end_of_a_file(root: Path, mark: str) -> None:
    path = root / "in/users/1.csv"
    path.write_bytes(f'{mark}id,name\r\n1,"a\nb"\r\n2,é'.encode())
    go(root)
    with path.open("ab") as file:
        file.write(b'\r\n3,"c\r\nd"\r\n4,x\r\n')
    assert go(root).rows == 2
    rows = duckdb.connect().execute(f"select * from '{root}/lake/users/*.parquet' order by 1")
    assert rows.fetchall() == [(1, "a\nb"), (2, "é"), (3, "c\r\nd"), (4, "x")]


def test_a_line_of_rows_that_came_later_is_named_by_its_number(root: Path) -> None:
    go(root)
    write(root, "users/1.csv", "id,name\n1,ann\n2,bob\n9,eve\n10,flo,more\n")
    failure = go(root).failure
    assert failure is not None
    assert "1.csv, line 5" in failure.message
    assert ids(root) == [1, 2]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('{"id": 1}\n{"id": 2}\n', '{"id": 9}\n'),
        ('{"id": 1}\n{"id": 2}', '\n{"id": 9}'),
        ('{\n"id": 1}\n{\n"id": 2}\n', '{\n"id": 9}\n'),
    ],
)
def test_lines_of_json_that_were_added_are_appended_alone(
    root: Path, first: str, second: str
) -> None:
    (root / "homes/files.yml").write_text("type: jsonl\npath: in\n")
    write(root, "users/1.jsonl", first)
    go(root)
    write(root, "users/1.jsonl", first + second)
    assert go(root).rows == 1
    assert ids(root) == [1, 2, 9]


def test_a_log_that_is_rotated_and_goes_on_is_moved_once(root: Path) -> None:
    log = write(root, "users/app.csv", "id,name\n5,ann\n")
    go(root)
    log.rename(root / "in/users/app-1.csv")
    write(root, "users/app.csv", "id,name\n6,bob\n")
    outcome = go(root)
    assert (outcome.rows, outcome.notes) == (1, ())
    assert ids(root) == [1, 2, 5, 6]


def test_a_large_log_grows_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hygge.connectors.files.reading.positions._DIGESTED_WHOLE", 10)
    go(root)
    text = "".join(f"{number},x\n" for number in range(3, 300_000))
    write(root, "users/1.csv", f"id,name\n1,ann\n2,bob\n{text}")
    assert go(root).rows == 299_997
    write(root, "users/1.csv", f"id,name\n1,ann\n2,bob\n{text}300000,x\n")
    assert go(root).rows == 1
    assert ids(root) == list(range(1, 300_001))


REWRITTEN = {
    "another row": b"id,name\n1,eve\n2,bob\n3,cyd\n",
    "a line goes on": b"id,name\n1,ann\n2,bobby\n3,cyd\n",
    "shorter": b"id,name\n1,ann\n",
}


@pytest.mark.parametrize("case", REWRITTEN)
def test_a_file_with_other_rows_than_before_stops_until_someone_chooses(
    root: Path, case: str
) -> None:
    path = root / "in/users/1.csv"
    path.write_bytes(b"id,name\n1,ann\n2,bob")
    go(root)
    path.write_bytes(REWRITTEN[case])
    failure = go(root).failure
    assert failure is not None
    assert failure.code == "HG554"
    assert "users/1.csv" in failure.message
    assert ids(root) == [1, 2]
    (root / "flows/users.yml").write_text(f"{APPEND}guarantee: at-least-once\n")
    outcome = go(root)
    assert any("users/1.csv" in note and "appended again" in note for note in outcome.notes)
    assert len(ids(root)) == 2 + REWRITTEN[case].count(b"\n") - 1


@pytest.mark.parametrize("option", ["encoding: utf-16", "encoding: cp1252", "skip_footer: 1"])
def test_a_file_of_which_the_end_is_not_known_by_bytes_stops_instead(
    root: Path, option: str
) -> None:
    (root / "homes/files.yml").write_text(f"type: csv\npath: in\n{option}\n")
    encoding = option.partition("encoding: ")[2] or "utf-8"
    path = root / "in/users/1.csv"
    path.write_bytes("id,name\n1,é\n2,x\n".encode(encoding))
    go(root)
    path.write_bytes("id,name\n1,é\n2,x\n3,y\n".encode(encoding))
    failure = go(root).failure
    assert failure is not None
    assert failure.code == "HG554"


def test_a_packed_file_that_got_a_further_part_stops(root: Path) -> None:
    path = root / "in/users/2.csv.gz"
    path.write_bytes(gzip.compress(b"id,name\n5,ann\n"))
    go(root)
    path.write_bytes(gzip.compress(b"id,name\n5,ann\n") + gzip.compress(b"6,bob\n"))
    failure = go(root).failure
    assert failure is not None
    assert failure.code == "HG554"


def test_a_full_refresh_moves_all_files_and_begins_the_positions_anew(root: Path) -> None:
    go(root)
    (root / "in/users/1.csv").unlink()
    write(root, "users/2.csv", "id,name\n3,cyd\n")
    assert go(root, full_refresh=True).rows == 1
    assert list(positions(root)) == ["users/2.csv"]
    assert go(root).notes == ("nothing new",)


def test_an_append_to_rows_without_positions_stops(root: Path) -> None:
    (root / "flows/users.yml").write_text("home: files\nstore: lake\nmode: append\n")
    go(root)
    (root / "flows/users.yml").write_text(APPEND)
    outcome = go(root)
    assert outcome.failure is not None
    assert outcome.failure.code == "HG538"


def test_only_homes_of_files_can_tell_new_files(root: Path) -> None:
    (root / "homes/files.yml").write_text("type: sqlite\npath: app.db\n")
    result = CliRunner().invoke(app, ["-C", str(root), "validate"])
    assert result.exit_code == 1
    assert "HG218" in result.stdout
    assert "has no files, so new rows cannot be detected by file" in result.stdout


def test_a_limit_is_refused_where_it_would_lose_rows(root: Path) -> None:
    with pytest.raises(UsageError, match="--limit"):
        make_plan(Project.load(root), Selection(), limit=1)


def test_a_run_killed_at_any_time_moves_each_file_once(root: Path) -> None:
    (root / "homes/files.yml").write_text("type: parquet\npath: in\n")
    (root / "in/users/1.csv").unlink()
    random.seed(65)
    count, whole = 0, 0.0
    for number in range(8):
        for _ in range(4):
            table = pa.table({"id": range(count * 1000, (count + 1) * 1000)})
            pq.write_table(table, root / f"in/users/{count}.parquet")
            count += 1
        started = time.monotonic()
        command = subprocess.Popen(
            [*HYGGE, "go", "--progress", "none"], cwd=root, stdout=subprocess.DEVNULL
        )
        if number:
            time.sleep(random.uniform(0.4, 1.1) * whole)
            command.send_signal(signal.SIGKILL)
        command.wait()
        whole = whole or time.monotonic() - started
        assert len(ids(root)) % 1000 == 0
    assert go(root).result is Result.OK
    assert ids(root) == list(range(count * 1000))


def file(name: str, size: int = 1) -> DataFile:
    return DataFile(LocalFiles(), f"/data/{name}", size, 1, "1")


def test_files_that_are_gone_are_known_for_a_while_and_no_longer(tmp_path: Path) -> None:
    gone = {f"old/{number}": "1-1" for number in range(MOST_GONE + 5)}
    path = tmp_path / "new"
    path.write_text("x")
    new = DataFile(LocalFiles(), str(path), 1, 1, "1")
    listing = Listing.of([new], gone, str(tmp_path))
    assert listing.new == (new,)
    assert len(listing.positions) == MOST_GONE + 1
    assert "old/4" not in listing.positions
    assert "old/5" in listing.positions


def test_many_positions_are_packed_in_the_commit() -> None:
    names = {
        f"events/2024/part-{number:06}.parquet": f"{number:x}-{random.getrandbits(48):x}"
        for number in range(100_000)
    }
    schema = pa.schema([("id", pa.int64())])
    commit = Commit("f", "e", 1, "r", Mode.APPEND, 1, 1, schema, "now", positions=names)
    text = json.dumps(dump_commit(commit))
    assert len(text) < 2_000_000
    assert load_commit(json.loads(text)).positions == names


@pytest.mark.parametrize("store", ["parquet", "duckdb"])
def test_commits_of_an_older_hygge_are_gone_on_from(root: Path, store: str) -> None:
    path = {"parquet": "lake", "duckdb": "lake.duckdb"}[store]
    write_project(root, {"stores/lake.yml": f"type: {store}\npath: {path}\n"})
    assert go(root).rows == 2
    if store == "parquet":
        file = root / "lake/users/_hygge.json"
        file.write_text(as_ledger(file.read_text()))
    else:
        with duckdb.connect(str(root / path)) as database:
            (record,) = database.execute("select state from _hygge_commits").fetchall()[0]
            database.execute("update _hygge_commits set state = ?", [as_ledger(record)])
    assert go(root).notes == ("nothing new",)
    write(root, "users/2.csv", "id,name\n3,cyd\n")
    assert go(root).rows == 1


def as_ledger(record: str) -> str:
    """Return a record as it was written when positions were called a ledger."""
    assert record.count('"positions"') == 1
    return record.replace('"positions"', '"ledger"')


def test_a_packed_ledger_of_an_older_hygge_is_read() -> None:
    schema = pa.schema([("id", pa.int64())])
    names = {f"{number}.csv": "5-18ec5a23ffc9f1ec" for number in range(200)}
    commit = Commit("f", "e", 1, "r", Mode.APPEND, 1, 1, schema, "now", positions=names)
    record = dump_commit(commit)
    record["ledger"] = record.pop("positions")
    assert isinstance(record["ledger"], str)
    assert load_commit(record).positions == names


def test_a_home_without_positions_reads_all(root: Path) -> None:
    home = HomeConfig.create({"type": "csv", "path": "in"}).home(ProjectContext(root))
    with home.open(ReadRequest("users")) as source:
        assert source.positions is None
    os.utime(root / "in/users/1.csv", ns=(5, 5))
    with home.open(ReadRequest("users", positions={})) as source:
        (stamp,) = (source.positions or {}).values()
        assert stamp.startswith("14-5-")


def test_a_file_that_is_renamed_is_not_moved_again(root: Path) -> None:
    assert go(root).rows == 2
    (root / "in/users/1.csv").rename(root / "in/users/2024-01-01.csv")
    assert go(root).notes == ("nothing new",)
    write(root, "users/2.csv", "id,name\n3,cyd\n")
    assert go(root).rows == 1
    assert ids(root) == [1, 2, 3]
    assert sorted(positions(root)) == ["users/2.csv", "users/2024-01-01.csv"]


def test_a_file_that_is_touched_or_written_again_is_not_moved_again(root: Path) -> None:
    assert go(root).rows == 2
    os.utime(root / "in/users/1.csv", ns=(5, 5))
    assert go(root).notes == ("nothing new",)
    text = (root / "in/users/1.csv").read_text()
    (root / "in/users/1.csv").unlink()
    write(root, "users/1.csv", text)
    write(root, "users/2.csv", "id,name\n3,cyd\n")
    outcome = go(root)
    assert (outcome.rows, outcome.notes) == (1, ())
    assert ids(root) == [1, 2, 3]


def test_another_file_with_the_same_rows_is_new(root: Path) -> None:
    assert go(root).rows == 2
    text = (root / "in/users/1.csv").read_text()
    write(root, "users/2.csv", text)
    assert go(root).rows == 2
    (root / "in/users/2.csv").unlink()
    write(root, "users/3.csv", text)
    os.utime(root / "in/users/3.csv", ns=(5, 5))
    assert go(root).rows == 2


def test_stamps_of_an_older_hygge_are_known(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("x")
    known = DataFile(LocalFiles(), str(path), 1, 7, "1")
    listing = Listing.of([known], {"a": "1-7"}, str(tmp_path))
    assert (listing.new, listing.positions) == ((), {"a": "1-7"})
    changed = DataFile(LocalFiles(), str(path), 1, 8, "1")
    assert Listing.of([changed], {"a": "1-7"}, str(tmp_path)).new == (changed,)


def test_the_middle_of_a_large_file_is_not_taken_on_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hygge.connectors.files.reading.positions._DIGESTED_WHOLE", 10)
    monkeypatch.setattr("hygge.connectors.files.reading.positions._END_BYTES", 4)
    path = tmp_path / "a"
    path.write_bytes(b"head" + b"1" * 20 + b"tail")
    first = Listing.of([DataFile(LocalFiles(), str(path), 28, 7, "1")], {}, str(tmp_path)).positions
    path.write_bytes(b"head" + b"2" * 20 + b"tail")
    changed = DataFile(LocalFiles(), str(path), 28, 8, "1")
    assert Listing.of([changed], first, str(tmp_path)).new == (changed,)
