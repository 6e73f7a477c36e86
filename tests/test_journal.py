from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from events import EVENTS, RUN, USERS, finished

from hygge.errors import CommitUnknownError, ConfigError
from hygge.journal import journal as journal_rows
from hygge.journal.journal import Journal, RunRow, Wanted
from hygge.journal.reports import ReportWriter
from hygge.runtime.processes import identity, is_alive
from hygge.values.model import (
    ColumnReceipt,
    Commit,
    Event,
    Failure,
    Mode,
    MoveFinished,
    MoveStarted,
    Receipt,
    RunStarted,
)

STORY: list[Event] = [
    RunStarted(RUN, (("users", "users"), ("events", "events")), "2026-01-31T12:00:00+00:00"),
    MoveStarted(RUN, "users", "users", 1),
    MoveStarted(RUN, "events", "events", 1),
    MoveFinished(RUN, USERS),
    MoveFinished(RUN, EVENTS),
    finished(USERS, EVENTS),
]


def fail(text: str) -> None:
    raise AssertionError(text)


def tell(root: Path, *events: Event) -> None:
    with Journal.open(root, fail) as journal:
        for event in events:
            journal.listen(event)


def runs(root: Path, warnings: list[str] | None = None) -> list[RunRow]:
    with Journal.open(root, fail if warnings is None else warnings.append) as journal:
        return journal.runs()


def states(root: Path) -> dict[str, str]:
    return {move.flow: move.state for run in runs(root) for move in run.moves}


def journal_file(root: Path) -> Path:
    return root / ".hygge" / "journal.db"


def write_reports(root: Path) -> None:
    reports = ReportWriter(root)
    for event in STORY:
        reports.listen(event)


def test_a_run_is_remembered_with_its_moves(tmp_path: Path) -> None:
    tell(tmp_path, *STORY)
    (run,) = runs(tmp_path)
    assert (run.run_id, run.state, run.seconds) == (RUN, "failed", 62.0)
    assert [(m.flow, m.state, m.rows, m.seq, m.code) for m in run.moves] == [
        ("users", "committed", 1000, 1, None),
        ("events", "failed", 0, None, "HG503"),
    ]


def test_a_commit_nobody_answered_is_unknown(tmp_path: Path) -> None:
    unknown = replace(EVENTS, failure=Failure(CommitUnknownError.code, "no answer"))
    tell(tmp_path, STORY[0], MoveFinished(RUN, unknown))
    assert states(tmp_path) == {"events": "unknown"}


def test_only_the_owner_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        tell(tmp_path, *STORY)
        write_reports(tmp_path)
    finally:
        os.umask(before)
    hidden = tmp_path / ".hygge"
    assert stat.S_IMODE(hidden.stat().st_mode) == 0o700
    open_to_others = [p for p in hidden.rglob("*") if stat.S_IMODE(p.stat().st_mode) & 0o077]
    assert open_to_others == []


def test_a_run_of_a_dead_process_becomes_crashed_and_its_commits_stay(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from hygge.journal.journal import Journal\n"
        "from test_journal import STORY\n"
        "with Journal.open(Path(sys.argv[1]), print) as journal:\n"
        "    [journal.listen(event) for event in STORY[:4]]\n"
        "    os._exit(9)\n"
    )
    here = Path(__file__).parent
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(here)},
        check=False,
        timeout=600,
    )
    assert runs(tmp_path)[0].state == "crashed"
    assert states(tmp_path) == {"users": "committed", "events": "crashed"}


def test_a_run_of_a_living_process_stays_running(tmp_path: Path) -> None:
    tell(tmp_path, *STORY[:2])
    assert runs(tmp_path)[0].state == "running"


def test_a_process_is_not_taken_for_another_with_its_number() -> None:
    boot, number, started = identity().split(" ")
    assert is_alive(identity())
    assert not is_alive(f"{boot} {number} {int(started) - 1}")
    assert not is_alive(f"another-boot {number} {started}")
    assert not is_alive(None)


def test_a_deleted_journal_is_rebuilt_from_the_reports(tmp_path: Path) -> None:
    write_reports(tmp_path)
    tell(tmp_path, *STORY)
    before = runs(tmp_path)
    journal_file(tmp_path).unlink()
    assert runs(tmp_path) == before


def test_a_corrupt_journal_is_moved_aside_and_rebuilt(tmp_path: Path) -> None:
    write_reports(tmp_path)
    tell(tmp_path, *STORY)
    before = runs(tmp_path)
    journal_file(tmp_path).write_bytes(b"this is no database" * 500)
    warnings: list[str] = []
    assert runs(tmp_path, warnings) == before
    assert "was corrupt" in warnings[0]
    assert len(list((tmp_path / ".hygge").glob("journal.db.corrupt-*"))) == 1


def test_pages_that_went_bad_later_are_noticed_when_they_are_read(tmp_path: Path) -> None:
    write_reports(tmp_path)
    tell(tmp_path, *STORY)
    before = runs(tmp_path)
    data = bytearray(journal_file(tmp_path).read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    journal_file(tmp_path).write_bytes(data)
    warnings: list[str] = []
    assert runs(tmp_path, warnings) == before
    assert len(warnings) == 1


def test_a_journal_that_cannot_be_made_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / ".hygge").write_text("a file where the folder should be")
    warnings: list[str] = []
    with Journal.open(tmp_path, warnings.append) as journal:
        for event in STORY:
            journal.listen(event)
        assert journal.runs()[0].run_id == RUN
    assert len(warnings) == 1
    assert "moves are not affected" in warnings[0]


def test_a_journal_that_breaks_during_a_run_is_one_warning(tmp_path: Path) -> None:
    warnings: list[str] = []
    with Journal.open(tmp_path, warnings.append) as journal:
        other = sqlite3.connect(journal_file(tmp_path))
        other.execute("DROP TABLE moves")
        other.commit()
        other.close()
        for event in STORY:
            journal.listen(event)
    assert len(warnings) == 1


def test_a_newer_journal_stops_with_the_way_out(tmp_path: Path) -> None:
    tell(tmp_path, *STORY)
    with sqlite3.connect(journal_file(tmp_path)) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ConfigError, match="newer hygge") as caught:
        runs(tmp_path)
    assert "move the file away" in (caught.value.hint or "")


def test_a_receipt_is_kept_and_comes_back_from_the_stores(tmp_path: Path) -> None:
    receipt = Receipt(2, (ColumnReceipt("id", 0, "1", "2", "3"), ColumnReceipt("name", 1)), 7)
    done = MoveFinished(RUN, replace(USERS, receipt=receipt))
    story = [STORY[0], done, finished(done.outcome)]
    reports = ReportWriter(tmp_path)
    for event in story:
        reports.listen(event)
    tell(tmp_path, *story)
    assert runs(tmp_path)[0].moves[0].receipt == receipt
    journal_file(tmp_path).unlink()
    assert runs(tmp_path)[0].moves[0].receipt is None, "a report has values of rows"
    schema = pa.schema([("id", pa.int64())])
    known = Commit(
        "users", "users", 1, RUN, Mode.REPLACE, 2, 2, schema, "2026-01-30T12:00:00", receipt=receipt
    )
    other = replace(known, run_id="older")
    with Journal.open(tmp_path, fail) as journal:
        journal.rebuild([("users", "users", "users", known), ("old", "old", "old", other)])
        assert [run.moves[0].receipt for run in journal.runs()] == [receipt, receipt]
        assert journal.runs()[0].moves[0].rows == 1000, "what was known stays"


def test_a_journal_from_before_receipts_is_read_and_goes_on(tmp_path: Path) -> None:
    tell(tmp_path, *STORY)
    with sqlite3.connect(journal_file(tmp_path)) as db:
        db.execute("ALTER TABLE moves DROP COLUMN receipt")
        db.execute("ALTER TABLE runs DROP COLUMN env")
        db.execute("ALTER TABLE runs DROP COLUMN options")
        db.execute("ALTER TABLE runs DROP COLUMN command")
        db.execute("PRAGMA user_version = 1")
    db.close()
    assert runs(tmp_path)[0].moves[0].receipt is None
    receipt = Receipt(1000)
    tell(tmp_path, MoveFinished(RUN, replace(USERS, receipt=receipt)))
    assert {move.flow: move.receipt for move in runs(tmp_path)[0].moves}["users"] == receipt


def test_a_journal_whose_change_was_broken_off_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(tmp_path, *STORY)
    with sqlite3.connect(journal_file(tmp_path)) as db:
        db.execute("ALTER TABLE moves DROP COLUMN receipt")
        db.execute("ALTER TABLE runs DROP COLUMN env")
        db.execute("ALTER TABLE runs DROP COLUMN options")
        db.execute("ALTER TABLE runs DROP COLUMN command")
        db.execute("PRAGMA user_version = 1")
    db.close()
    with monkeypatch.context() as patch:
        patch.setattr(journal_rows, "_TABLES", (*journal_rows._TABLES, "SELECT broken_off()"))
        with pytest.raises(sqlite3.OperationalError, match="broken_off"):
            journal_rows.connect(journal_file(tmp_path))
    with sqlite3.connect(journal_file(tmp_path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
    db.close()
    with closing(journal_rows.connect(journal_file(tmp_path))) as now:
        assert [run.moves[0].receipt for run in journal_rows.read_runs(now, Wanted(limit=1))] == [
            None
        ]


def test_a_journal_is_changed_once_by_those_who_open_it_at_once(tmp_path: Path) -> None:
    tell(tmp_path, *STORY)
    path = journal_file(tmp_path)
    for _ in range(20):
        with sqlite3.connect(path) as db:
            db.execute("ALTER TABLE moves DROP COLUMN receipt")
            db.execute("ALTER TABLE runs DROP COLUMN env")
            db.execute("ALTER TABLE runs DROP COLUMN options")
            db.execute("ALTER TABLE runs DROP COLUMN command")
            db.execute("PRAGMA user_version = 1")
        db.close()
        with ThreadPoolExecutor(4) as pool:
            for opened in pool.map(journal_rows.connect, [path] * 4):
                opened.close()


def test_what_the_stores_remember_fills_the_gaps_only(tmp_path: Path) -> None:
    schema = pa.schema([("id", pa.int64())])
    known = Commit("users", "users", 1, RUN, Mode.REPLACE, 1, 1, schema, "2026-01-31T12:00:01")
    older = replace(known, run_id="older", rows=5, seq=3, committed_at="2026-01-30T12:00:00")
    tell(tmp_path, *STORY)
    with Journal.open(tmp_path, fail) as journal:
        journal.rebuild([("users", "users", "users", known), ("old", "old", "old", older)])
        newest, oldest = journal.runs()
    assert newest.moves[0].rows == 1000
    assert (oldest.state, oldest.moves[0].rows, oldest.moves[0].seq) == ("known", 5, 3)


def test_runs_can_be_asked_for_by_flow_and_number(tmp_path: Path) -> None:
    for number in range(3):
        started = RunStarted(f"run{number}", (), f"2026-01-3{number}T12:00:00+00:00")
        flow = replace(USERS, flow=f"flow{number}")
        tell(tmp_path, started, MoveFinished(f"run{number}", flow))
    with Journal.open(tmp_path, fail) as journal:
        assert [run.run_id for run in journal.runs(Wanted(limit=2))] == ["run2", "run1"]
        assert [run.run_id for run in journal.runs(Wanted(flow="flow0"))] == ["run0"]


def test_secrets_are_kept_out(tmp_path: Path) -> None:
    failure = Failure("HG501", "refused: postgres://me:hunter22@db/x")
    story = [STORY[0], MoveFinished(RUN, replace(EVENTS, failure=failure))]
    reports = ReportWriter(tmp_path)
    for event in story:
        reports.listen(event)
    tell(tmp_path, *story)
    everything = b"".join(p.read_bytes() for p in (tmp_path / ".hygge").rglob("*") if p.is_file())
    assert b"hunter22" not in everything
    assert json.dumps("refused: postgres://***@db/x").encode()[1:-1] in everything
