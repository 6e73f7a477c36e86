"""Rows that a cast or a check refuses, put aside in a file instead of ending the move.

The file is whole and on the disk before the commit, so that no row is ever in neither place. One
of a run that did not commit in the end tells of rows that the next run moves or puts aside again.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hygge.errors import FlowError
from hygge.plurals import plural
from hygge.private import private_file, private_folder
from hygge.requests import WriteRequest

if TYPE_CHECKING:
    import pyarrow as pa

REASON, COLUMN, RUN = "_hygge_reason", "_hygge_column", "_hygge_run_id"


class Quarantine:
    """The rows put aside by one attempt of a move. Several threads may add rows at once."""

    def __init__(self, root: Path, request: WriteRequest, most: int) -> None:
        self._root = root
        self._names = (request.flow, quote(request.entity, safe="")[:100])
        self._run_id = request.run_id
        self._most = most
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._writer: Any = None

    @property
    def rows(self) -> int:
        """How many rows were put aside."""
        return sum(self._counts.values())

    def add(self, rows: pa.RecordBatch, reasons: list[tuple[str, str]]) -> None:
        """Put rows aside, each with its column and reason. Raises `FlowError` beyond the bound."""
        with self._lock:
            self._counts.update(reasons)
            self._check_few(*reasons[0])
            self._write(rows, reasons)

    def _check_few(self, column: str, reason: str) -> None:
        if self.rows > self._most:
            raise FlowError(
                f"more than {plural(self._most, 'row is', 'rows are')} bad (max_bad_rows), "
                f"such as by '{column}': {reason}; nothing was published",
                hint="mend the rows in the home, or raise max_bad_rows",
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
            self._path = private_folder(self._root, "quarantine", *self._names) / (
                f"{self._run_id}.rows.parquet"
            )
            self._path.unlink(missing_ok=True)  # of an earlier attempt
            private_file(self._path)
            self._writer = pq.ParquetWriter(self._path, whole.schema)
        self._writer.write_table(whole)

    def finish(self) -> Iterator[str]:
        """Have the file on the disk, and yield what a person should know of it."""
        import os

        if self._writer is None or self._path is None:
            return
        self._writer.close()
        with self._path.open("rb") as file:
            os.fsync(file.fileno())
        why = ", ".join(
            f"{count:,} by '{column}'" for column, count in _by_column(self._counts).items()
        )
        place = self._path.relative_to(self._root)
        yield f"{plural(self.rows, 'row was', 'rows were')} put aside ({why}): {place}"

    def discard(self) -> None:
        """Remove the file of an attempt that published nothing."""
        if self._writer is not None and self._path is not None:
            self._writer.close()
            self._path.unlink(missing_ok=True)


def _by_column(counts: Counter[tuple[str, str]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (column, _), count in counts.items():
        found[column] += count
    return found
