"""Quarantine: rows that a cast or a check refuses are written to a file.

The file is complete and on disk before the commit, so no row is ever in neither place. The file of
a run that did not commit contains rows that the next run moves or quarantines again.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hygge.errors import FlowError
from hygge.runtime.private import private_file, private_folder
from hygge.values.plurals import plural
from hygge.values.requests import WriteRequest

if TYPE_CHECKING:
    import pyarrow as pa

REASON, COLUMN, RUN = "_hygge_reason", "_hygge_column", "_hygge_run_id"
PLACE, LINE = "_hygge_place", "_hygge_line"
_HELD_LINES = 1000


class Quarantine:
    """The quarantined rows of one attempt of a move; safe for concurrent use."""

    def __init__(self, root: Path, request: WriteRequest, most: int) -> None:
        self._root = root
        self._names = folder_names(request.flow, request.entity)
        self._run_id = request.run_id
        self._most = most
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._writer: Any = None
        self._lines = 0
        self._first_line = ""
        self._held: list[dict[str, str | None]] = []
        self._lines_path: Path | None = None
        self._lines_writer: Any = None

    @property
    def rows(self) -> int:
        """Number of quarantined rows."""
        return sum(self._counts.values()) + self._lines

    def add(self, rows: pa.RecordBatch, reasons: list[tuple[str, str]]) -> None:
        """Quarantine rows with column and reason. Raises `FlowError` above `max_bad_rows`."""
        with self._lock:
            self._counts.update(reasons)
            column, reason = reasons[0]
            self._check_few(f"by '{column}': {reason}")
            self._write(rows, reasons)

    def add_line(self, where: str, line: bytes | None, reason: str) -> None:
        """Quarantine an unreadable line; without its text where columns are masked."""
        with self._lock:
            self._lines += 1
            self._first_line = self._first_line or f"{where}: {reason}"
            self._check_few(f"{where}: {reason}")
            text = None if line is None else line.decode(errors="backslashreplace").strip("\r\n")
            self._held.append({PLACE: where, LINE: text, REASON: reason, RUN: self._run_id})
            if len(self._held) >= _HELD_LINES:
                self._write_lines()

    def _write_lines(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema([(name, pa.string()) for name in (PLACE, LINE, REASON, RUN)])
        if self._lines_writer is None:
            self._lines_path = self._new_file("lines.parquet")
            self._lines_writer = pq.ParquetWriter(self._lines_path, schema)
        self._lines_writer.write_table(pa.Table.from_pylist(self._held, schema))
        self._held = []

    def _new_file(self, name: str) -> Path:
        folder = private_folder(self._root, "quarantine", *self._names)
        path = folder / f"{self._run_id}.{name}"
        path.unlink(missing_ok=True)  # of an earlier attempt
        private_file(path)
        return path

    def _check_few(self, example: str) -> None:
        if self.rows > self._most:
            raise FlowError(
                f"more than {plural(self._most, 'bad row')} (max_bad_rows), such as {example}; "
                "nothing was published",
                hint="fix the rows in the home, or raise max_bad_rows",
                code="HG548",
            )

    def _write(self, rows: pa.RecordBatch, reasons: list[tuple[str, str]]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        added = {
            COLUMN: [column for column, _ in reasons],
            REASON: [reason for _, reason in reasons],
            RUN: [self._run_id] * len(reasons),
        }
        whole = pa.table({**dict(zip(rows.schema.names, rows.columns, strict=True)), **added})
        if self._writer is None:
            self._path = self._new_file("rows.parquet")
            self._writer = pq.ParquetWriter(self._path, whole.schema)
        self._writer.write_table(whole)

    def finish(self) -> Iterator[str]:
        """Sync the files to disk, and yield notes on them."""
        if self._held:
            self._write_lines()
        if self._writer is not None and self._path is not None:
            self._writer.close()
            why = ", ".join(
                f"{count:,} by '{column}'" for column, count in _by_column(self._counts).items()
            )
            rows = sum(self._counts.values())
            yield self._put_aside(plural(rows, "row was", "rows were"), why, self._path)
        if self._lines_writer is not None and self._lines_path is not None:
            self._lines_writer.close()
            what = plural(self._lines, "unreadable line was", "unreadable lines were")
            yield self._put_aside(what, self._first_line, self._lines_path)

    def _put_aside(self, what: str, why: str, path: Path) -> str:
        with path.open("rb") as file:
            os.fsync(file.fileno())
        return f"{what} quarantined ({why}): {path.relative_to(self._root)}"

    def discard(self) -> None:
        """Remove the files of an attempt that published nothing."""
        for writer, path in (
            (self._writer, self._path),
            (self._lines_writer, self._lines_path),
        ):
            if writer is not None and path is not None:
                writer.close()
                path.unlink(missing_ok=True)


def _by_column(counts: Counter[tuple[str, str]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (column, _), count in counts.items():
        found[column] += count
    return found


def folder_names(flow: str, entity: str) -> tuple[str, str]:
    """Return the names of the folders in `.hygge/quarantine` that hold rows of an entity."""
    return flow, quote(entity, safe="")[:100]


def rename_quarantine(root: Path, old: str, new: str) -> None:
    """Move the quarantined rows of a flow to its new name."""
    folder = root / ".hygge" / "quarantine"
    if (folder / old).is_dir() and not (folder / new).exists():
        (folder / old).rename(folder / new)
