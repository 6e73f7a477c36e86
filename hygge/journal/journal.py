"""The journal of runs on this machine: a cache in `.hygge/journal.db`, never authoritative.

The stores' own commits decide what was moved. So the journal may be deleted, corrupted or
unwritable: the worst that happens is a shorter `hygge history`.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

from hygge.errors import CommitUnknownError, ConfigError
from hygge.journal.reports import Report, load_reports
from hygge.runtime.private import private_file, private_folder
from hygge.runtime.processes import identity, is_alive
from hygge.values.model import (
    BY_HAND,
    Commit,
    Event,
    Manner,
    MoveFinished,
    MoveStarted,
    Outcome,
    Receipt,
    Result,
    RunFinished,
    RunStarted,
)
from hygge.values.receipts import dump_receipt, load_receipt
from hygge.values.redact import redact, redact_values

VERSION = 4
_BUSY_SECONDS = 5.0

_TABLES = (
    """CREATE TABLE IF NOT EXISTS runs (
        run_id TEXT PRIMARY KEY, state TEXT NOT NULL, started_at TEXT NOT NULL,
        finished_at TEXT, seconds REAL, process TEXT, env TEXT, options TEXT, command TEXT)""",
    """CREATE TABLE IF NOT EXISTS moves (
        run_id TEXT NOT NULL, flow TEXT NOT NULL, entity TEXT NOT NULL, into_name TEXT,
        home TEXT, store TEXT, mode TEXT, state TEXT NOT NULL, rows INTEGER, bytes INTEGER,
        seconds REAL, attempts INTEGER, seq INTEGER, code TEXT, message TEXT, hint TEXT,
        place TEXT, notes TEXT, ended_at TEXT, receipt TEXT, PRIMARY KEY (run_id, flow, entity))""",
    "CREATE INDEX IF NOT EXISTS moves_by_flow ON moves (flow, run_id)",
    "CREATE INDEX IF NOT EXISTS newest_moves ON moves (flow)",
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    f"PRAGMA user_version = {VERSION}",
)
_SINCE = {
    1: ("ALTER TABLE moves ADD COLUMN receipt TEXT",),
    2: ("ALTER TABLE runs ADD COLUMN env TEXT", "ALTER TABLE runs ADD COLUMN options TEXT"),
    3: ("ALTER TABLE runs ADD COLUMN command TEXT",),
}
"""Statements that migrate from each older version."""
WELL = frozenset({"committed", "kept"})
"""States of successful moves."""
_STATES = {
    Result.OK: "committed",
    Result.KEPT: "kept",
    Result.FAILED: "failed",
    Result.SKIPPED: "skipped",
    Result.CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class MoveRow:
    """The row of one move."""

    flow: str
    entity: str
    into: str | None
    home: str | None
    store: str | None
    mode: str | None
    state: str
    """running, committed, kept, failed, skipped, cancelled, unknown or crashed."""
    rows: int | None
    bytes: int | None
    seconds: float | None
    attempts: int | None
    seq: int | None
    code: str | None
    message: str | None
    hint: str | None = None
    notes: tuple[str, ...] = ()
    receipt: Receipt | None = None
    ended_at: str | None = field(default=None, compare=False)
    """UTC, ISO 8601; None while it runs. In a journal built from reports, the end of the run."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """The row of one run."""

    run_id: str
    state: str
    """running, ok, failed, cancelled or crashed; `known` when only the stores remember it."""
    started_at: str
    finished_at: str | None
    seconds: float | None
    moves: tuple[MoveRow, ...]
    env: str | None = None
    """The environment that it worked in."""
    options: tuple[str, ...] = ()
    """The options of `hygge go` that changed what it moved."""


def connect(path: Path | None) -> sqlite3.Connection:
    """Open a journal and create its tables; None opens one in memory.

    Raises `ConfigError` when a newer hygge wrote it.
    """
    db = sqlite3.connect(path or ":memory:", timeout=_BUSY_SECONDS, check_same_thread=False)
    try:
        _prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path | None) -> None:
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA trusted_schema = OFF")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise ConfigError(
            f"the journal {path} was written by a newer hygge (journal version {version}; this "
            f"hygge supports {VERSION})",
            hint="use that version of hygge, or move the file away: it is rebuilt from the commits",
            code="HG561",
        )
    if version < VERSION:
        with db:
            # Another process may do the same concurrently, and this one may be killed in between.
            db.execute("BEGIN IMMEDIATE")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            missing = [_SINCE[known] for known in _SINCE if 0 < version <= known]
            for statement in (*chain.from_iterable(missing), *_TABLES):
                db.execute(statement)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter of runs; empty fields do not restrict."""

    flow: str | None = None
    run_id: str | None = None
    """Run id, or its prefix."""
    since: str | None = None
    """Runs that began then or later (UTC, ISO 8601)."""
    is_failed: bool = False
    """Only runs with a failed move, and only these moves."""
    limit: int = 20


_OF_MOVES = (
    "(:flow IS NULL OR flow = :flow)"
    " AND (NOT :is_failed OR state NOT IN ('committed', 'kept', 'running'))"
)


def read_runs(db: sqlite3.Connection, wanted: Wanted) -> list[RunRow]:
    """Return the matching runs, newest first, with their matching moves."""
    query = (
        "SELECT * FROM runs WHERE (:flow IS NULL AND NOT :is_failed"
        f" OR run_id IN (SELECT run_id FROM moves WHERE {_OF_MOVES}))"
        " AND (:run_id IS NULL OR substr(run_id, 1, length(:run_id)) = :run_id)"
        " AND (:since IS NULL OR julianday(started_at) >= julianday(:since))"
        " ORDER BY started_at DESC, rowid DESC LIMIT :limit"
    )
    return [_run_row(db, row, wanted) for row in db.execute(query, asdict(wanted)).fetchall()]


def _run_row(db: sqlite3.Connection, row: sqlite3.Row, wanted: Wanted) -> RunRow:
    query = f"SELECT * FROM moves WHERE run_id = :id AND {_OF_MOVES} ORDER BY rowid"
    values = {**asdict(wanted), "id": row["run_id"]}
    moves = tuple(_move_row(move) for move in db.execute(query, values))
    return RunRow(
        row["run_id"],
        row["state"],
        row["started_at"],
        row["finished_at"],
        row["seconds"],
        moves,
        env=row["env"],
        options=tuple(json.loads(row["options"] or "[]")),
    )


def _move_row(row: sqlite3.Row) -> MoveRow:
    return MoveRow(
        flow=row["flow"],
        entity=row["entity"],
        into=row["into_name"],
        home=row["home"],
        store=row["store"],
        mode=row["mode"],
        state=row["state"],
        rows=row["rows"],
        bytes=row["bytes"],
        seconds=row["seconds"],
        attempts=row["attempts"],
        seq=row["seq"],
        code=row["code"],
        message=row["message"],
        hint=row["hint"],
        notes=tuple(json.loads(row["notes"] or "[]")),
        receipt=load_receipt(json.loads(row["receipt"])) if row["receipt"] else None,
        ended_at=row["ended_at"],
    )


@dataclass(frozen=True, slots=True)
class PastMove:
    """A move of one flow, for `hygge status`."""

    run_id: str
    started_at: str
    """When its run began (UTC, ISO 8601)."""
    ended_at: str | None
    options: tuple[str, ...]
    """Of its run, as `RunRow.options`."""
    command: str | None
    """Of its run, as `RunStarted.command`; None where only the stores know the run."""
    entity: str
    state: str
    mode: str | None
    rows: int | None
    seconds: float | None
    code: str | None
    message: str | None
    hint: str | None


_PAST_FIELDS = tuple(one.name for one in fields(PastMove))
_PAST_MOVES = """
    SELECT moves.run_id, started_at, ended_at, options, command, entity, moves.state, mode, rows,
        moves.seconds, code, message, hint
    FROM moves JOIN runs USING (run_id) WHERE flow = ? AND env IS ?"""


def read_past_moves(
    db: sqlite3.Connection, flow: str, env: str | None, runs: int
) -> list[PastMove]:
    """Return the newest moves of a flow in one environment, the newest first.

    Those of at least `runs` runs, and back to the last success of each entity in them; then the
    last success of each other entity.
    """
    found: list[PastMove] = []
    seen: set[str] = set()
    well: set[str] = set()
    waiting: set[str] = set()
    for row in db.execute(f"{_PAST_MOVES} ORDER BY moves.rowid DESC", (flow, env)):
        if row["run_id"] not in seen and len(seen) >= runs and not waiting:
            break
        move = _past_move(row)
        found.append(move)
        seen.add(move.run_id)
        if move.state in WELL:
            well.add(move.entity)
            waiting.discard(move.entity)
        elif move.entity not in well:
            waiting.add(move.entity)
    else:
        return found
    last = f"{_PAST_MOVES} AND moves.state IN ('committed', 'kept') GROUP BY entity"
    last = last.replace("SELECT", "SELECT max(moves.rowid),", 1)
    rows = db.execute(last, (flow, env)).fetchall()
    return found + [_past_move(row) for row in rows if row["entity"] not in well]


def _past_move(row: sqlite3.Row) -> PastMove:
    values = {name: row[name] for name in _PAST_FIELDS}
    return PastMove(**{**values, "options": tuple(json.loads(row["options"] or "[]"))})


def insert_run(db: sqlite3.Connection, event: RunStarted) -> None:
    """Insert a run that this process began."""
    db.execute(
        "INSERT OR REPLACE INTO runs (run_id, state, started_at, process, env, options, command)"
        " VALUES (?, 'running', ?, ?, ?, ?, ?)",
        (
            *(event.run_id, event.started_at, identity()),
            *(event.env, _options(event.manner), event.command),
        ),
    )


def _options(manner: Manner) -> str:
    return json.dumps([redact(word) for word in manner.words()])


def insert_move(db: sqlite3.Connection, event: MoveStarted) -> None:
    """Insert an attempt of a move that began."""
    db.execute(
        "INSERT INTO moves (run_id, flow, entity, state, attempts) VALUES (?, ?, ?, 'running', ?)"
        " ON CONFLICT DO UPDATE SET state = 'running', attempts = excluded.attempts",
        (event.run_id, event.flow, event.entity, event.attempt),
    )


def save_outcome(
    db: sqlite3.Connection, run_id: str, outcome: Outcome, ended_at: str | None = None
) -> None:
    """Save the outcome of a move over what was known of it."""
    failure = outcome.failure
    values: dict[str, object] = {
        "run_id": run_id,
        "flow": outcome.flow,
        "entity": outcome.entity,
        "into_name": outcome.into,
        "home": outcome.home,
        "store": outcome.store,
        "mode": _mode(outcome),
        "state": _state(outcome),
        "rows": outcome.rows,
        "bytes": outcome.bytes,
        "seconds": outcome.seconds,
        "attempts": outcome.attempts,
        "seq": outcome.seq,
        "code": failure and failure.code,
        "message": failure and redact(failure.message),
        "hint": failure and failure.hint and redact(failure.hint),
        "place": failure and failure.where,
        "notes": json.dumps([redact(note) for note in outcome.notes]),
        "ended_at": ended_at or datetime.now(UTC).isoformat(),
        "receipt": _receipt_text(outcome.receipt),
    }
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    db.execute(f"INSERT OR REPLACE INTO moves ({names}) VALUES ({marks})", tuple(values.values()))


def _mode(outcome: Outcome) -> str:
    """Return the mode of a move, or the kind of operation that it was."""
    if outcome.undoes is not None:
        return "undo"
    is_by_hand = any(note.startswith(BY_HAND) for note in outcome.notes)
    return "state" if is_by_hand else outcome.mode.value


def _receipt_text(receipt: Receipt | None) -> str | None:
    return None if receipt is None else json.dumps(redact_values(dump_receipt(receipt)))


def _state(outcome: Outcome) -> str:
    if outcome.failure is not None and outcome.failure.code == CommitUnknownError.code:
        return "unknown"
    return _STATES[outcome.result]


def finish_run(db: sqlite3.Connection, event: RunFinished) -> None:
    """Save the end of a run."""
    db.execute(
        "UPDATE runs SET state = ?, finished_at = ?, seconds = ? WHERE run_id = ?",
        (_run_state(event.outcomes), event.finished_at, event.seconds, event.run_id),
    )


def _run_state(outcomes: Iterable[Outcome]) -> str:
    results = {outcome.result for outcome in outcomes}
    if Result.CANCELLED in results:
        return "cancelled"
    return "failed" if results & {Result.FAILED, Result.SKIPPED} else "ok"


def insert_report(db: sqlite3.Connection, report: Report) -> None:
    """Insert a run from its report over what was known of it."""
    state = _run_state(report.outcomes) if report.finished_at else "running"
    seconds = report.seconds if report.finished_at else None
    db.execute(
        "INSERT OR REPLACE INTO runs"
        " (run_id, state, started_at, finished_at, seconds, process, env, options)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(report.run_id, state, report.started_at, report.finished_at, seconds),
            *(report.process, report.env, _options(report.manner)),
        ),
    )
    for outcome in report.outcomes:
        save_outcome(db, report.run_id, outcome, report.finished_at or report.started_at)


def insert_commit(
    db: sqlite3.Connection, flow: str, entity: str, *, into: str, commit: Commit
) -> None:
    """Insert a commit reported by a store, where its run or receipt is unknown."""
    at, mode = commit.committed_at, commit.mode.value if commit.undoes is None else "undo"
    db.execute(
        "INSERT OR IGNORE INTO runs (run_id, state, started_at, finished_at)"
        " VALUES (?, 'known', ?, ?)",
        (commit.run_id, at, at),
    )
    db.execute(
        "INSERT INTO moves"
        " (run_id, flow, entity, into_name, mode, state, rows, seq, ended_at, receipt)"
        " VALUES (?, ?, ?, ?, ?, 'committed', ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET receipt = coalesce(receipt, excluded.receipt)",
        (
            *(commit.run_id, flow, entity, into, mode),
            *(commit.rows, commit.seq, at, _receipt_text(commit.receipt)),
        ),
    )


def mark_crashed(db: sqlite3.Connection, run_ids: Iterable[str]) -> None:
    """Mark runs whose processes have ended."""
    for run_id in run_ids:
        db.execute("UPDATE runs SET state = 'crashed' WHERE run_id = ?", (run_id,))
        db.execute(
            "UPDATE moves SET state = 'crashed' WHERE run_id = ? AND state = 'running'", (run_id,)
        )


__all__ = ["WELL", "Journal", "MoveRow", "PastMove", "RunRow", "Wanted"]

R = TypeVar("R")

_SIDE_FILES = ("-journal", "-wal", "-shm")


class Journal:
    """The open journal, created by `Journal.open`; safe for use from any thread."""

    def __init__(self, root: Path, warn: Callable[[str], None]) -> None:
        self._root = root
        self._path = root / ".hygge" / "journal.db"
        self._warn = warn
        self._lock = threading.Lock()
        self._is_broken = False
        self._db = self._open()

    @classmethod
    @contextmanager
    def open(cls, root: Path, warn: Callable[[str], None]) -> Iterator[Journal]:
        """Open the journal of the project at `root`; create or repair it where needed.

        A corrupt file is moved aside and rebuilt from the reports of runs. One that cannot be
        written is replaced by one in memory. `warn` receives a message in both cases. Runs of dead
        processes become `crashed`. Raises `ConfigError` when a newer hygge wrote the file.
        """
        journal = cls(root, warn)
        try:
            journal._mark_crashed()
            yield journal
        finally:
            journal._db.close()

    def listen(self, event: Event) -> None:
        """Record an event. A failure is only a warning: commits are not affected."""
        match event:
            case RunStarted():
                self._write(lambda db: insert_run(db, event))
            case MoveStarted():
                self._write(lambda db: insert_move(db, event))
            case MoveFinished():
                self._write(lambda db: save_outcome(db, event.run_id, event.outcome))
            case RunFinished():
                self._write(lambda db: finish_run(db, event))

    def runs(self, wanted: Wanted = Wanted()) -> list[RunRow]:
        """Return the matching runs, newest first."""
        return self._read(lambda db: read_runs(db, wanted))

    def past_moves(self, flow: str, env: str | None, runs: int = 40) -> list[PastMove]:
        """Return the moves of a flow's newest runs in one environment; see `read_past_moves`."""
        return self._read(lambda db: read_past_moves(db, flow, env, runs))

    def rename_flow(self, old: str, new: str) -> None:
        """Move the rows of a flow to its new name."""
        query = "UPDATE OR REPLACE moves SET flow = ? WHERE flow = ?"
        self._write(lambda db: db.execute(query, (new, old)))

    def rebuild(self, commits: Iterable[tuple[str, str, str, Commit]]) -> None:
        """Add the stores' newest commits: flow, entity, name in the store, commit."""
        for flow, entity, into, commit in commits:
            save = partial(insert_commit, flow=flow, entity=entity, into=into, commit=commit)
            self._write(save)

    @property
    def is_rebuilt(self) -> bool:
        """Whether the journal was already rebuilt from every store of the project."""
        query = "SELECT 1 FROM facts WHERE name = 'rebuilt'"
        return self._read(lambda db: db.execute(query).fetchone()) is not None

    def mark_rebuilt(self) -> None:
        """Record that the journal was rebuilt from the stores."""
        self._write(lambda db: db.execute("INSERT OR REPLACE INTO facts VALUES ('rebuilt', '1')"))

    @property
    def is_empty(self) -> bool:
        """Whether no run is known."""
        return self._read(lambda db: db.execute("SELECT 1 FROM runs").fetchone()) is None

    @property
    def version(self) -> int:
        """A number that changes when another process has written to the journal."""
        query = "PRAGMA data_version"
        return int(self._read(lambda db: db.execute(query).fetchone())[0])

    @property
    def is_running(self) -> bool:
        """Whether a run is in progress."""
        query = "SELECT 1 FROM runs WHERE state = 'running'"
        return self._read(lambda db: db.execute(query).fetchone()) is not None

    def _mark_crashed(self) -> None:
        query = "SELECT run_id, process FROM runs WHERE state = 'running'"
        running = self._read(lambda db: db.execute(query).fetchall())
        dead = {row["run_id"] for row in running if not is_alive(row["process"])}
        if not dead:
            return
        ended = [r for r in load_reports(self._root) if r.run_id in dead and r.finished_at]
        self._write(lambda db: mark_crashed(db, dead))
        for report in ended:
            self._write(partial(insert_report, report=report))

    def _read(self, act: Callable[[sqlite3.Connection], R]) -> R:
        with self._lock:
            try:
                return act(self._db)
            except sqlite3.OperationalError as error:
                self._db = self._in_memory(error)
            except sqlite3.DatabaseError as error:
                self._db = self._made_anew(error)
            return act(self._db)

    def _write(self, act: Callable[[sqlite3.Connection], object]) -> None:
        with self._lock:
            if self._is_broken:
                return
            try:
                with self._db:
                    act(self._db)
            except sqlite3.Error as error:
                self._is_broken = True
                self._warn_unwritable(error)

    def _open(self) -> sqlite3.Connection:
        try:
            private_folder(self._root)
            is_new = not self._path.exists() or self._path.stat().st_size == 0
            private_file(self._path)
            db = connect(self._path)
            return self._filled(db) if is_new else db
        except (sqlite3.OperationalError, OSError) as error:
            return self._in_memory(error)
        except sqlite3.DatabaseError as error:
            return self._made_anew(error)

    def _filled(self, db: sqlite3.Connection) -> sqlite3.Connection:
        with db:
            for report in reversed(list(load_reports(self._root))):
                insert_report(db, report)
        return db

    def _made_anew(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        """Move a corrupt journal aside and create one from the reports of runs."""
        now = datetime.now(UTC)
        aside = self._path.with_name(f"journal.db.corrupt-{now:%Y%m%dT%H%M%S}")
        try:
            self._path.replace(aside)
            for suffix in _SIDE_FILES:
                with suppress(FileNotFoundError):
                    side = self._path.with_name(self._path.name + suffix)
                    side.replace(aside.with_name(aside.name + suffix))
            private_file(self._path)
            fresh = self._filled(connect(self._path))
        except (OSError, sqlite3.Error) as problem:
            return self._in_memory(problem)
        self._warn(
            f"the journal was corrupt ({error}); it was moved to {aside} and a new one was created"
        )
        return fresh

    def _in_memory(self, error: Exception) -> sqlite3.Connection:
        self._warn_unwritable(error)
        return self._filled(connect(None))

    def _warn_unwritable(self, error: Exception) -> None:
        self._warn(
            f"cannot write the journal {self._path} ({error}); moves are not affected, but `hygge "
            "history` may be incomplete"
        )
