"""One state of a SQLite file, looked at over several connections.

In rollback mode a read transaction keeps every writer from publishing. In WAL mode it does not, so
a connection that watches tells whether anybody has: `PRAGMA data_version` is the same as before.
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
    """Connections that all see a file as it was at one instant."""

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
        """Return a new connection inside a read transaction, which begins with its first look."""
        run = self._connect()
        run("BEGIN")
        run("SELECT count(*) FROM sqlite_schema")
        return run

    def is_current(self) -> bool:
        """Return whether nobody has written the file since."""
        with self._lock:
            return self._look() == self._version

    def more(self, wanted: int) -> int:
        """Open as many as `wanted` connections; return how many see what the first one sees."""
        with self._lock:
            try:
                opened = [self._begin() for _ in range(wanted)]
                is_same = self._look() == self._version
            except HomeError:
                # Somebody waits to write: the first connection is there already.
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
        """Return one more connection; raises when it would see other rows."""
        run = self._begin()
        if self._look() == self._version:
            return run
        raise HomeError(
            f"cannot read {self.file}: another program wrote it meanwhile",
            hint="run again",
            code="HG504",
        ) from ChangedError()

    def let_go(self) -> None:
        """End the read transactions, so that others can write; whoever reads again begins anew."""
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
    """An instant at which several entities are read: each by a view of its own, or by turns."""

    def __init__(self, view: Snapshot) -> None:
        self.view = view
        self._turn = threading.Lock()

    @contextmanager
    def join(self) -> Iterator[Snapshot]:
        """Yield a view of that instant; waits for a turn where somebody has written since."""
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
