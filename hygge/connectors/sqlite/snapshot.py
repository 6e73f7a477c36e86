"""One state of a SQLite file, read over several connections.

In rollback mode a read transaction blocks every writer's commit. In WAL mode it does not, so a
separate connection checks for commits: `PRAGMA data_version` is unchanged without any.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hygge.connectors.sqlite.connections import Rows, connect
from hygge.connectors.sqlite.faults import ChangedError
from hygge.errors import HomeError


class Snapshot:
    """Connections that see the same state of a file."""

    def __init__(self, file: Path, seconds: float) -> None:
        self.file = file
        self.seconds = seconds
        self._lock = threading.Lock()
        self._opened: list[Rows] = []
        try:
            self._watch = self._connect()
            self._version = self._look()
            self.main = self._begin()
        except BaseException:
            self.close()
            raise
        self._free = [self.main]

    def _connect(self) -> Rows:
        connection = connect(self.file, "ro", HomeError, self.seconds)
        what = f"cannot read {self.file}"
        run = Rows(connection, HomeError, what, file=self.file, seconds=self.seconds)
        self._opened.append(run)
        return run

    def _look(self) -> int:
        return int(self._watch("PRAGMA data_version")[0][0])

    def _begin(self) -> Rows:
        """Return a new connection inside a read transaction, begun by its first query."""
        run = self._connect()
        run("BEGIN")
        run("SELECT count(*) FROM sqlite_schema")
        return run

    def is_current(self) -> bool:
        """Return whether the file was not written since."""
        with self._lock:
            return self._look() == self._version

    def more(self, wanted: int) -> int:
        """Open up to `wanted` connections; return how many see the same state as the first."""
        with self._lock:
            try:
                opened = [self._begin() for _ in range(wanted)]
                is_same = self._look() == self._version
            except HomeError:
                # A writer is waiting; the first connection is open already.
                return 0
            if not is_same:
                return 0
            self._free += opened
            return len(opened)

    @contextmanager
    def lend(self) -> Iterator[Rows]:
        """Yield a connection to one reader."""
        with self._lock:
            run = self._free.pop() if self._free else self._late()
        try:
            yield run
        finally:
            with self._lock:
                self._free.append(run)

    def _late(self) -> Rows:
        """Return another connection; raises when it would see other rows."""
        run = self._begin()
        if self._look() == self._version:
            return run
        raise HomeError(
            f"cannot read {self.file}: another program wrote to it meanwhile",
            hint="run again",
            code="HG504",
        ) from ChangedError()

    def let_go(self) -> None:
        """End the read transactions so that others can write; the next read begins a new one."""
        with self._lock:
            for run in self._free:
                self._opened.remove(run)
                run.connection.close()
            self._free.clear()

    def close(self) -> None:
        """Close every connection."""
        for run in self._opened:
            with suppress(Exception):
                run.connection.close()


class SharedSnapshot:
    """One state from which several entities are read, in parallel or in turns."""

    def __init__(self, view: Snapshot) -> None:
        self.view = view
        self._turn = threading.Lock()

    @contextmanager
    def join(self) -> Iterator[Snapshot]:
        """Yield a snapshot of that state; waits for its turn where the file was written since."""
        own = Snapshot(self.view.file, self.view.seconds)
        try:
            is_same = self.view.is_current()
            if is_same:
                yield own
        finally:
            own.close()
        if not is_same:
            with self._turn:
                yield self.view
