"""Staging files beside a database, which splits fill in parallel and no reader sees.

A split is a table of its own in one of a few files. Files of a killed run are removed by the next
run into the same table.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hygge.connectors.sqlite.connections import Rows, connect
from hygge.errors import StoreError

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

_MOST = 8
"""SQLite attaches at most ten files, and a user may attach one or two more."""

_SECONDS = 1.0
"""Seconds to wait for a lock; no other process uses the file."""
_ALL = "part_all"


@dataclass(frozen=True, slots=True)
class StagingFile:
    """A staging file, and the connection that fills it."""

    number: int
    path: Path
    run: Rows

    @property
    def schema(self) -> str:
        """Schema name under which it is attached to the database."""
        return f"_hygge_lane_{self.number}"


class StagingFiles:
    """The staging files of one attempt."""

    def __init__(self, prefix: Path, what: str) -> None:
        self._prefix = prefix
        self._what = what
        self._all: list[StagingFile] = []
        self._free: list[StagingFile] = []
        self._lock = threading.Condition()
        self._number = 0
        self._parts: dict[int, tuple[StagingFile, str]] = {}

    @contextmanager
    def lend(self) -> Iterator[StagingFile]:
        """Yield a free file; waits when the maximum number of files is in use."""
        with self._lock:
            while not self._free and len(self._all) >= _MOST:
                self._lock.wait()
            staging_file = self._free.pop() if self._free else self._make()
        try:
            yield staging_file
        finally:
            with self._lock:
                self._free.append(staging_file)
                self._lock.notify()

    def _make(self) -> StagingFile:
        number = len(self._all)
        path = Path(f"{self._prefix}-{number}")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            os.close(os.open(path, flags, 0o600))
        except OSError as error:
            raise StoreError(
                f"{self._what}: cannot make {path}: {error.strerror}",
                hint="this user needs write permission for the folder of the database",
                code="HG516",
            ) from error
        connection = connect(path, "rw", StoreError, _SECONDS)
        run = Rows(connection, StoreError, self._what, file=path, seconds=_SECONDS)
        # Its contents are worthless after a crash, so there is no journal.
        run("PRAGMA journal_mode=MEMORY")
        run("PRAGMA synchronous=OFF")
        staging_file = StagingFile(number, path, run)
        self._all.append(staging_file)
        return staging_file

    def new_table(self) -> str:
        """Return an unused table name."""
        with self._lock:
            self._number += 1
            return f"part_{self._number}"

    def set_part(self, split: int, staging_file: StagingFile, table: str) -> None:
        """Record a table as the rows of a split; it replaces an earlier staging of the split."""
        with self._lock:
            self._parts[split] = (staging_file, table)

    def tables(self) -> list[str]:
        """Return the tables of all splits in their order, with the schemas they are attached as."""
        parts = [self._parts[split] for split in sorted(self._parts)]
        return [f"{staging_file.schema}.{table}" for staging_file, table in parts]

    def attach(self, run: Run) -> None:
        """Attach the complete files to a connection, unless they are attached."""
        self.close()
        attached = {name for _, name, _ in run("PRAGMA database_list")}
        for staging_file in [
            staging_file for staging_file in self._all if staging_file.schema not in attached
        ]:
            run(f"ATTACH ? AS {staging_file.schema}", (str(staging_file.path),))

    def gather(self, run: Run, columns: str, key: str) -> str:
        """Collect the rows of all splits in one table of an attached file; return its name.

        The table is indexed by `key`.
        """
        table, *others = self.tables()
        if others:
            staging_file, parts = self._all[0], [table, *others]
            table = f"{staging_file.schema}.{_ALL}"
            run(f"CREATE TABLE {table} ({columns})")
            for part in parts:
                run(f"INSERT INTO {table} SELECT * FROM {part}")
                run(f"DROP TABLE {part}")
            self._parts = {0: (staging_file, _ALL)}
        schema, _, name = table.partition(".")
        run(f"CREATE INDEX IF NOT EXISTS {schema}.by_key ON {name} ({key})")
        return table

    def detach(self, run: Run) -> None:
        """Detach the files from a connection."""
        for staging_file in self._all:
            with suppress(StoreError):
                run(f"DETACH {staging_file.schema}")

    def close(self) -> None:
        """Close the connections that fill the files."""
        for staging_file in self._all:
            with suppress(Exception):
                staging_file.run.connection.close()

    def remove(self) -> None:
        """Remove the files of this attempt."""
        self.close()
        remove_files([staging_file.path for staging_file in self._all])
        self._all.clear()
        self._free.clear()
        self._parts.clear()


def remove_files(paths: list[Path]) -> None:
    """Remove staging files and their journals."""
    for path in paths:
        for end in ("", "-journal", "-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)


def dead_files(prefix: Path) -> list[Path]:
    """Return the staging files of runs into a table; call it while no such run is alive."""
    start = f"{prefix.name}-"
    return [path for path in prefix.parent.iterdir() if path.name.startswith(start)]
