"""`hygge go --from A --to B`: a range of the watermark column moved again, in one commit.

The watermark does not change. A merge updates the range's rows by their keys. An append first
deletes the range's rows from the store, and ignores rows at or above the watermark, which the next
move appends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING

from hygge.errors import FlowError
from hygge.incremental.increment import Increment
from hygge.settings.move import Incremental, MoveSettings
from hygge.transform.shape import stored_name
from hygge.types.ordering import Ordering
from hygge.values.model import Commit, Mode, Span, Watermark

if TYPE_CHECKING:
    import pyarrow as pa

Ends = tuple[str | None, str | None]
"""Lower bound (inclusive) and upper bound (exclusive) as written; None is unbounded."""


class Backfill(Increment):
    """Selects the rows of a range, whether they were moved before or not."""

    def over(self, ends: Ends) -> Backfill:
        """Set the range; raise `FlowError` when it is invalid."""
        self.span = span_of(self._wanted.column, ends, self._ordering)
        if self._mode is Mode.APPEND and self._reached is not None:
            self.span = capped(self.span, self._reached, self._ordering)
        return self

    def _kept(self, keys: pa.Array, missing: pa.Array, late: pa.Array | None) -> pa.Array:
        import pyarrow.compute as pc

        low, high = self._key(self.span.low), self._key(self.span.high)
        tests = [] if low is None else [pc.greater_equal(keys, low)]
        tests += [] if high is None else [pc.less(keys, high)]
        present = pc.invert(missing)
        return pc.fill_null(reduce(pc.and_kleene, tests, present), False)

    def _without_ties(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch

    def watermark(self) -> Watermark | None:
        """Return the unchanged watermark."""
        return self._last

    def notes(self) -> Iterator[str]:
        """Yield a note on the range."""
        yield f"moved {shown(self.span)} again; the watermark is unchanged"


def span_of(column: str, ends: Ends, ordering: Ordering) -> Span:
    """Return a written range as values of a column. Raises `FlowError`."""
    try:
        low, high = (None if end is None else ordering.value_of(end) for end in ends)
    except ValueError as error:
        raise _refused(f"the range of '{column}': {error}") from error
    span = Span(column, low, high)
    _check_ends(span, ordering)
    return span


def _check_ends(span: Span, ordering: Ordering) -> None:
    import pyarrow.compute as pc

    low, high = span.low, span.high
    if low is None or high is None:
        return
    if not pc.less(ordering.key(low), ordering.key(high)).as_py():
        raise _refused(
            f"the end of the range of '{span.column}' must be greater than its beginning"
        )


def capped(span: Span, limit: pa.Scalar, ordering: Ordering) -> Span:
    """Return the part of a range that lies below a value."""
    import pyarrow.compute as pc

    key = ordering.key
    is_above = span.high is None or pc.greater(key(span.high), key(limit)).as_py()
    return replace(span, high=limit) if is_above else span


def clearing(settings: MoveSettings, ends: Ends, last: Commit | None) -> Span | None:
    """Return the range of the store's rows that an append deletes first; None for other modes."""
    wanted = settings.incremental
    if last is None or settings.mode is not Mode.APPEND or not isinstance(wanted, Incremental):
        return None
    name = stored_name(wanted.column, settings)
    _check_stored(name, last, wanted.column)
    try:
        ordering = Ordering.of(last.schema.field(name))
    except ValueError as error:
        raise _refused(f"the range of '{name}': {error}") from error
    span = span_of(name, ends, ordering)
    mark = last.watermark
    return span if mark is None else capped(span, ordering.value_of(mark.value), ordering)


def _check_stored(name: str, last: Commit, column: str) -> None:
    if name not in last.schema.names:
        raise FlowError(
            f"the store has no column '{name}', so rows of the range cannot be removed",
            hint=f"move the column '{column}' too, or merge by a key",
            code="HG539",
        )


def shown(span: Span) -> str:
    """Return a range as text for messages."""
    low = "the beginning" if span.low is None else str(span.low)
    high = "the end" if span.high is None else f"before {span.high}"
    return f"'{span.column}' from {low} to {high}"


def _refused(what: str) -> FlowError:
    return FlowError(
        what, hint="write it as in  hygge go FLOW --from 2026-01-01 --to 2026-02-01", code="HG539"
    )
