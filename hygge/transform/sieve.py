"""From batches of the home to rows to stage: shaped and checked; bad rows are quarantined."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from hygge.connector import Target, WriteRequest
from hygge.errors import BadRowError
from hygge.settings.move import Check, MoveSettings
from hygge.transform.checks import Checks, violations
from hygge.transform.quarantine import Quarantine
from hygge.transform.shape import Shape

if TYPE_CHECKING:
    import pyarrow as pa


class Sieve:
    """Shapes and checks every row of a move. Leaving the `with` removes unused quarantine files."""

    def __init__(
        self,
        settings: MoveSettings,
        shape: Shape,
        schema: pa.Schema,
        *,
        root: Path,
        request: WriteRequest | None,
    ) -> None:
        """Without a `request` bad rows are only left out, and no check is judged."""
        self.shape = shape
        self.schema = schema
        """What comes out."""
        self._single: list[Check] = []
        self._quarantine: Quarantine | _Nowhere | None = None
        checks = settings.checks
        if settings.on_bad_row == "quarantine":
            self._single = [check for check in checks if check.is_of_single_rows]
            most = settings.max_bad_rows
            self._quarantine = Quarantine(root, request, most) if request else _Nowhere()
        self._checks = Checks(checks if request else (), schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._quarantine is not None:
            self._quarantine.discard()

    @property
    def put_aside(self) -> int:
        """Number of rows quarantined so far."""
        return 0 if self._quarantine is None else self._quarantine.rows

    def judge(self, target: Target, now: datetime) -> tuple[str, ...]:
        """Judge the checks of the staged rows; return the notes."""
        return (*self._checks.judge(target, now), *self.finish())

    def finish(self) -> tuple[str, ...]:
        """Sync quarantined rows to disk; return the notes."""
        return () if self._quarantine is None else tuple(self._quarantine.finish())

    def sift(self, batch: pa.RecordBatch, first_row: int) -> pa.RecordBatch:
        """Return the rows to stage. Raises `FlowError` where a bad row ends the move."""
        if self._quarantine is None:
            rows = self.shape.apply(batch, self.schema, first_row)
        else:
            rows = self._without_bad(batch, first_row, self._quarantine)
        self._checks.look(rows)
        return rows

    def put_line_aside(self, where: str, line: bytes, reason: str) -> None:
        """Quarantine a line that could not be read as a row."""
        if self._quarantine is not None:
            self._quarantine.add_line(where, None if self.shape.hides else line, reason)

    def _without_bad(
        self, batch: pa.RecordBatch, first_row: int, quarantine: Quarantine | _Nowhere
    ) -> pa.RecordBatch:
        bad: dict[int, tuple[str, str]] = {}
        try:
            rows = self.shape.apply(batch, self.schema, first_row)
        except BadRowError:
            bad = dict(self._unshaped(batch))
            rows = self.shape.apply(batch.filter(_others(bad, batch)), self.schema, first_row)
        places = [row for row in range(batch.num_rows) if row not in bad]
        for row, why in self._against(rows):
            bad.setdefault(places[row], why)
        if not bad:
            return rows
        order = sorted(bad)
        quarantine.add(self.shape.masked(batch.take(order)), [bad[row] for row in order])
        return self.shape.apply(batch.filter(_others(bad, batch)), self.schema, first_row)

    def _against(self, rows: pa.RecordBatch) -> Iterator[tuple[int, tuple[str, str]]]:
        """Yield the rows that violate a check, with column and check."""
        import pyarrow.compute as pc

        for check in self._single:
            for column, found in violations(check, rows):
                for row in pc.indices_nonzero(found).to_pylist():
                    yield row, (column, check.summary())

    def _unshaped(self, batch: pa.RecordBatch) -> Iterator[tuple[int, tuple[str, str]]]:
        """Yield the rows that cannot be shaped, with column and reason, by bisection."""
        spans = [(0, batch.num_rows)]
        while spans:
            low, high = spans.pop()
            if low == high:
                continue
            try:
                self.shape.apply(batch.slice(low, high - low), self.schema, low)
            except BadRowError as error:
                if high - low == 1:
                    yield low, (error.column, error.message)
                else:
                    middle = (low + high) // 2
                    spans += [(middle, high), (low, middle)]


class _Nowhere:
    """A quarantine that discards rows, which an earlier move has quarantined."""

    rows = 0

    def add(self, rows: pa.RecordBatch, reasons: list[tuple[str, str]]) -> None:
        """Forget them."""

    def add_line(self, where: str, line: bytes | None, reason: str) -> None:
        """Forget it."""

    def finish(self) -> tuple[str, ...]:
        """Return no notes."""
        return ()

    def discard(self) -> None:
        """Remove nothing."""


def _others(bad: dict[int, tuple[str, str]], batch: pa.RecordBatch) -> pa.Array:
    import pyarrow as pa

    return pa.array([row not in bad for row in range(batch.num_rows)], pa.bool_())
