"""What hygge remembers of its runs on this machine: a cache in `.hygge/journal.db`, never a truth.

The stores' own commits decide what was moved. So the journal may be deleted, corrupted or
unwritable: the worst that happens is a shorter `hygge history`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from hygge.journal_rows import (
    MoveRow,
    RunRow,
    Wanted,
    connect,
    finish_run,
    insert_commit,
    insert_move,
    insert_report,
    insert_run,
    mark_crashed,
    read_runs,
    save_outcome,
)
from hygge.model import Commit, Event, MoveFinished, MoveStarted, RunFinished, RunStarted
from hygge.private import private_file, private_folder
from hygge.processes import is_alive
from hygge.runs import load_reports

__all__ = ["Journal", "MoveRow", "RunRow", "Wanted"]

R = TypeVar("R")

_SIDE_FILES = ("-journal", "-wal", "-shm")


class Journal:
    """The journal while it is open; made by `Journal.open`, used from any thread."""

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
        """Open the journal of the project at `root`, making or mending it where needed.

        A corrupt file is moved aside and rebuilt from the reports of runs; one that cannot be
        written is replaced by one in memory; `warn` is told of both. Runs of dead processes
        become `crashed`. Raises `ConfigError` when a newer hygge wrote the file.
        """
        journal = cls(root, warn)
        try:
            journal._mark_crashed()
            yield journal
        finally:
            journal._db.close()

    def listen(self, event: Event) -> None:
        """Remember an event. A failure is only a warning: what was committed stays committed."""
        match event:
            case RunStarted():
                self._write(lambda db: insert_run(db, event))
            case MoveStarted():
                self._write(lambda db: insert_move(db, event))
            case MoveFinished():
                self._write(lambda db: save_outcome(db, event.run_id, event.outcome))
            case RunFinished():
                self._write(lambda db: finish_run(db, event))

    def runs(self, wanted: Wanted = Wanted()) -> list[RunRow]:  # noqa: B008  (a frozen value)
        """Return the runs that are wanted, newest first."""
        return self._read(lambda db: read_runs(db, wanted))

    def rename_flow(self, old: str, new: str) -> None:
        """Remember the moves of a flow under its new name."""
        query = "UPDATE OR REPLACE moves SET flow = ? WHERE flow = ?"
        self._write(lambda db: db.execute(query, (new, old)))

    def rebuild(self, commits: Iterable[tuple[str, str, str, Commit]]) -> None:
        """Add what stores remember: flow, entity, name in the store, and the last commit."""
        for flow, entity, into, commit in commits:
            save = partial(insert_commit, flow=flow, entity=entity, into=into, commit=commit)
            self._write(save)

    @property
    def is_rebuilt(self) -> bool:
        """Whether every store of the project was already asked what it remembers."""
        query = "SELECT 1 FROM facts WHERE name = 'rebuilt'"
        return self._read(lambda db: db.execute(query).fetchone()) is not None

    def mark_rebuilt(self) -> None:
        """Remember that the stores need not be asked again."""
        self._write(lambda db: db.execute("INSERT OR REPLACE INTO facts VALUES ('rebuilt', '1')"))

    @property
    def is_empty(self) -> bool:
        """Whether no run is known."""
        return self._read(lambda db: db.execute("SELECT 1 FROM runs").fetchone()) is None

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
        """Move a corrupt journal aside and start another from the reports of runs."""
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
        self._warn(f"the journal was corrupt ({error}); it was moved to {aside} and made anew")
        return fresh

    def _in_memory(self, error: Exception) -> sqlite3.Connection:
        self._warn_unwritable(error)
        return self._filled(connect(None))

    def _warn_unwritable(self, error: Exception) -> None:
        self._warn(
            f"cannot write the journal {self._path} ({error}); what is moved is not affected, "
            "but `hygge history` may not know of it"
        )
