"""Checks of the staged rows before the publish: counted in transit or queried in the store."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hygge.connector import Target
from hygge.errors import FlowError
from hygge.settings.move import AcceptedValues, Check, Freshness, RowCount
from hygge.values.plurals import plural

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN = 5


class Checks:
    """The checks of one move; safe for concurrent batches."""

    def __init__(self, wanted: Sequence[Check], schema: pa.Schema) -> None:
        self._wanted = tuple(wanted)
        self._schema = schema
        self._rows = 0
        self._against: Counter[int] = Counter()
        self._first: dict[int, str] = {}
        self._newest: dict[int, pa.Scalar] = {}
        self._lock = threading.Lock()
        check_columns(self._wanted, schema)

    def look(self, batch: pa.RecordBatch) -> None:
        """Update the counts of the checks with a batch of staged rows."""
        with self._lock:
            self._rows += batch.num_rows
            for number, check in enumerate(self._wanted):
                for column, bad in violations(check, batch):
                    self._count(number, batch.column(column), bad)
                if isinstance(check.freshness, Freshness):
                    self._see(number, batch.column(check.freshness.column))

    def _count(self, number: int, array: pa.Array, bad: pa.Array) -> None:
        import pyarrow.compute as pc

        count = pc.sum(bad).as_py() or 0
        if count:
            self._against[number] += count
            self._first.setdefault(number, str(array.filter(bad)[0]))

    def _see(self, number: int, array: pa.Array) -> None:
        import pyarrow.compute as pc

        top, known = pc.max(array), self._newest.get(number)
        if top.is_valid and (known is None or pc.greater(top, known).as_py()):
            self._newest[number] = top

    def judge(self, target: Target, now: datetime) -> tuple[str, ...]:
        """Return the findings of checks with `severity: warn`, after all rows are staged.

        Raises one `FlowError` with all findings of the others.
        """
        failed: list[str] = []
        warned: list[str] = []
        for number, check in enumerate(self._wanted):
            found = list(self._found(number, check, target, now))
            (failed if check.severity == "error" else warned).extend(found)
        if failed:
            lines = "\n".join(f"  {text}" for text in [*failed, *warned])
            raise FlowError(
                f"the staged rows failed the checks of the flow; nothing was published\n{lines}",
                hint="fix the rows in the home; or publish them with  severity: warn, or "
                "quarantine single rows with  on_bad_row: quarantine",
                code="HG528",
            )
        return tuple(f"check: {text}" for text in warned)

    def _found(self, number: int, check: Check, target: Target, now: datetime) -> Iterator[str]:
        if count := self._against[number]:
            yield (
                f"{check.summary()}: {plural(count, 'row')} failed, the first with "
                f"{self._first[number]}"
            )
        if isinstance(check.row_count, RowCount):
            yield from _count_told(check, check.row_count, self._rows)
        if isinstance(check.freshness, Freshness):
            yield from self._age_told(number, check.freshness, check, now)
        if check.unique:
            double = target.duplicate(check.unique)
            if double is not None:
                pairs = ", ".join(f"{name} = {value}" for name, value in double.items())
                yield f"{check.summary()}: several rows have {pairs}"
        if check.sql is not None:
            count, rows = target.ask(check.sql, _SHOWN)
            if count:
                shown = "; ".join(map(str, rows))
                yield f"{check.summary()}: {plural(count, 'row')} failed, the first: {shown}"

    def _age_told(
        self, number: int, wanted: Freshness, check: Check, now: datetime
    ) -> Iterator[str]:
        import pyarrow as pa
        import pyarrow.compute as pc

        newest = self._newest.get(number)
        if newest is None:
            if self._rows:
                yield f"{check.summary()}: no row has a value"
            return
        naive = (now - timedelta(seconds=wanted.max_age)).replace(tzinfo=None)
        oldest = pa.scalar(naive, pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
        value = newest.cast(pa.timestamp("us"), safe=False).cast(pa.timestamp("us", "UTC"))
        if pc.less(value, oldest).as_py():
            yield f"{check.summary()}: the newest value is {newest}"


def violations(check: Check, batch: pa.RecordBatch) -> Iterator[tuple[str, pa.Array]]:
    """Yield each column with a row-level check, and the mask of rows that violate it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for column in check.not_null:
        yield column, pc.is_null(batch.column(column), nan_is_null=True)
    accepted = check.accepted_values
    if isinstance(accepted, AcceptedValues):
        array = batch.column(accepted.column)
        texts = array if pa.types.is_string(array.type) else array.cast(pa.string())
        known = pa.array([_text(value) for value in accepted.values], pa.string())
        yield accepted.column, pc.and_(pc.is_valid(array), pc.invert(pc.is_in(texts, known)))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _count_told(check: Check, wanted: RowCount, rows: int) -> Iterator[str]:
    if wanted.min is not None and rows < wanted.min:
        yield f"{check.summary()}: {plural(rows, 'row is', 'rows are')} too few"
    if wanted.max is not None and rows > wanted.max:
        yield f"{check.summary()}: {plural(rows, 'row is', 'rows are')} too many"


def check_columns(wanted: Iterable[Check], schema: pa.Schema) -> None:
    """Raise `FlowError` for a check of a column that is not staged or has the wrong type."""
    for check in wanted:
        _check_columns(check, schema)


def _check_columns(check: Check, schema: pa.Schema) -> None:
    for name in check.columns():
        if name not in schema.names:
            raise FlowError(
                f"a check refers to a column that is not moved: '{name}'",
                hint=f"columns of the store: {', '.join(schema.names)}",
                code="HG523",
            )
    if isinstance(check.freshness, Freshness):
        import pyarrow as pa

        kind = schema.field(check.freshness.column).type
        if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
            raise FlowError(
                f"freshness: '{check.freshness.column}' is {kind}, not a date or time",
                hint="use a column of timestamps or dates",
                code="HG523",
            )
