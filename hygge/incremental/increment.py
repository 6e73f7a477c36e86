"""The increment: rows of the home that a flow with `incremental` has not moved yet.

The home excludes what it can (`Source.within`); the rest is excluded here. So every home, also of
files, gives the same guarantee: no row at the watermark is lost or duplicated.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING

from hygge.errors import FlowError
from hygge.settings.move import Incremental, MoveSettings
from hygge.types.digests import DIGEST, digests
from hygge.types.ordering import Ordering
from hygge.types.watermarks import text_of, tomorrow
from hygge.values.model import Mode, Span, Watermark
from hygge.values.plurals import plural

if TYPE_CHECKING:
    import pyarrow as pa

MOST_TIES = 10_000
"""Maximum rows with the highest value that a commit records individually."""


class Increment:
    """Selects the new rows by a column; safe for concurrent batches."""

    def __init__(
        self,
        wanted: Incremental,
        settings: MoveSettings,
        offered: pa.Schema,
        *,
        shown: Callable[[pa.RecordBatch], pa.RecordBatch],
        last: Watermark | None,
        now: datetime,
        home_key: Sequence[str] = (),
    ) -> None:
        """`home_key` is the primary key declared in the home."""
        _check_mode(wanted, settings.mode)
        self._wanted = wanted
        self._mode = settings.mode
        self._shown = shown
        self._ordering = _ordering(wanted.column, offered)
        self._kind = self._ordering.kind
        self._last = last
        self._reached = _known(last, self._ordering, wanted.column)
        self._latest = tomorrow(self._kind, now)
        self.identity = identity_of(wanted, settings, home_key)
        """The columns that identify a row; none where the whole row does."""
        self._old = _Ties(last, offered, settings.mode, self.identity)
        self._lock = threading.Lock()
        self._top: pa.Scalar | None = None
        """The key of the highest value."""
        self._top_value: pa.Scalar | None = None
        self._at_top: list[str] = []
        self._columns: tuple[str, ...] = ()
        self._too_many = False
        self._is_cut = False
        self._upper: pa.Scalar | None = None
        self._counts: Counter[str] = Counter()
        self.span = Span(wanted.column, self._low())
        """What the home is asked for."""
        self._tied = self._key(self._reached)

    def _key(self, value: pa.Scalar | None) -> pa.Scalar | None:
        """Return the key of a value; see `Ordering.keys`."""
        return None if value is None else self._ordering.key(value)

    def _keys(self, values: pa.Array) -> pa.Array:
        try:
            return self._ordering.keys(values)
        except ValueError as error:
            raise _unfit(self._wanted.column, str(error)) from error

    def _low(self) -> pa.Scalar | None:
        wanted = self._wanted
        if self._reached is None:
            return None if wanted.initial is None else self._initial(str(wanted.initial))
        if wanted.lookback is None:
            return self._reached
        try:
            return self._ordering.before(self._reached, wanted.lookback)
        except ValueError as error:
            raise _unfit(wanted.column, str(error)) from error

    def _initial(self, text: str) -> pa.Scalar:
        try:
            return self._ordering.value_of(text)
        except ValueError as error:
            raise FlowError(
                f"incremental: initial of '{self._wanted.column}': {error}",
                hint="write it in the type of the home's column",
                code="HG539",
            ) from error

    def until(self, upper: pa.Scalar | None) -> None:
        """Receive the home's upper bound; rows above it wait for the next move.

        With `lookback` they are moved but do not raise the watermark: the next move reads them
        again.
        """
        self._upper = None if upper is None else upper.cast(self._kind)

    def cut_short(self) -> None:
        """Note that not all rows will be read, so that the watermark is not the last row's.

        Raises `FlowError` for an append, which could not continue from there.
        """
        _check_whole(self._mode)
        self._is_cut = True

    def new(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the new rows of a batch. Raises `FlowError` as the settings demand."""
        import pyarrow.compute as pc

        values = self._values(batch)
        keys = self._keys(values)
        missing = pc.is_null(keys, nan_is_null=True)
        self._judge("nulls", missing, "has no value")
        late = self._beyond(keys)
        if late is not None:
            self._judge("future", late, "is more than a day in the future, or infinite", values)
        kept = self._kept(keys, missing, late)
        if not (kept.null_count == 0 and pc.all(kept).as_py()):
            batch = _filtered(batch, kept)
        return self._without_ties(batch) if batch.num_rows else batch

    def _values(self, batch: pa.RecordBatch) -> pa.Array:
        values = batch.column(self._wanted.column)
        return values if values.type.equals(self._kind) else values.cast(self._kind)

    def _beyond(self, keys: pa.Array) -> pa.Array | None:
        import pyarrow.compute as pc

        if self._latest is None:
            return self._ordering.infinite(keys)
        return pc.fill_null(pc.greater(keys, self._latest), False)

    def _judge(
        self, policy: str, found: pa.Array, what: str, values: pa.Array | None = None
    ) -> None:
        import pyarrow.compute as pc

        count = pc.sum(found).as_py() or 0
        if not count:
            return
        choice = getattr(self._wanted, policy)
        if choice == "fail":
            shown = "" if values is None else f": {text_of(values.filter(found)[0])}"
            raise FlowError(
                f"the watermark column '{self._wanted.column}' {what} in "
                f"{plural(count, 'row')}{shown}",
                hint="fix them in the home, or skip them with  incremental: {column: "
                f"{self._wanted.column}, {policy}: skip}}",
                code="HG539",
            )
        with self._lock:
            self._counts[policy] += count

    def _kept(self, keys: pa.Array, missing: pa.Array, late: pa.Array | None) -> pa.Array:
        import pyarrow.compute as pc

        wanted = self._wanted
        tests = [pc.invert(missing)]
        if self.span.low is not None:
            is_open = self._reached is not None and self._is_closed
            compare = pc.greater if is_open else pc.greater_equal
            tests.append(compare(keys, self._key(self.span.low)))
        if late is not None and wanted.future == "skip":
            tests.append(pc.invert(late))
        kept = reduce(pc.and_kleene, tests)
        if self._upper is not None:
            held = pc.and_kleene(kept, pc.greater(keys, self._key(self._upper)))
            with self._lock:
                self._counts["held"] += pc.sum(held).as_py() or 0
            kept = kept if wanted.lookback is not None else pc.and_not(kept, held)
        return pc.or_kleene(kept, missing) if wanted.nulls == "include" else kept

    @property
    def _is_closed(self) -> bool:
        return self._wanted.ties == "closed" and self._wanted.lookback is None

    def _without_ties(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch without rows that were moved before, and update the maximum."""
        import pyarrow.compute as pc

        keys = self._keys(self._values(batch))
        with self._lock:
            self._remember(batch, self._settled(keys))
            if self._is_closed or not self._old.left:
                return batch
            tied = pc.fill_null(pc.equal(keys, self._tied), False)
            if not pc.any(tied).as_py():
                return batch
            rows = self._shown(_filtered(batch, tied))
            return _filtered(batch, pc.invert(self._old.moved(rows, tied)))

    def _settled(self, keys: pa.Array) -> pa.Array:
        """Return the keys that count for the watermark; a merge moves some rows again."""
        import pyarrow as pa
        import pyarrow.compute as pc

        none = pa.scalar(None, keys.type)
        late = self._beyond(keys) if self._mode is not Mode.APPEND else None
        keys = keys if late is None else pc.if_else(late, none, keys)
        if self._upper is None:
            return keys
        return pc.if_else(pc.greater(keys, self._key(self._upper)), none, keys)

    def _remember(self, batch: pa.RecordBatch, keys: pa.Array) -> None:
        import pyarrow.compute as pc

        top = pc.max(keys.filter(pc.invert(pc.is_null(keys, nan_is_null=True))))
        if not top.is_valid or (self._top is not None and pc.less(top, self._top).as_py()):
            return
        if self._top is None or pc.greater(top, self._top).as_py():
            self._top, self._at_top, self._too_many = top, [], False
            self._top_value = self._values(batch)[pc.index(keys, top).as_py()]
        if self._is_closed or self._too_many:
            return
        rows = self._shown(_filtered(batch, pc.equal(keys, top)))
        rows = rows.select(self.identity) if self.identity else rows
        self._columns = tuple(rows.schema.names)
        self._too_many = len(self._at_top) + rows.num_rows > MOST_TIES
        self._at_top += [] if self._too_many else digests(rows)

    def watermark(self) -> Watermark | None:
        """Return the watermark, after all batches were processed.

        Raises `FlowError` when an append could not recognize the rows at the watermark later.
        """
        import pyarrow.compute as pc

        value = self._top_value
        if (
            self._is_cut
            or value is None
            or (self._tied is not None and pc.less(self._top, self._tied).as_py())
        ):
            return self._last
        if self._too_many:
            _check_told_apart(self._wanted.column, value, self._mode)
        ties = () if self._too_many else tuple(self._at_top)
        columns = self._columns if ties else ()
        return Watermark(self._wanted.column, text_of(value), str(value.type), ties, columns)

    def notes(self) -> Iterator[str]:
        """Yield notes on rows without a usable value."""
        column = self._wanted.column
        for policy, what in (("nulls", "no value"), ("future", "a value in the future")):
            if count := self._counts[policy]:
                done = "skipped" if getattr(self._wanted, policy) == "skip" else "moved"
                which = f"with {what} in '{column}'"
                yield f"{plural(count, f'row {which} was', f'rows {which} were')} {done}"
        if count := self._counts["held"]:
            fate = f"{plural(count, 'row was', 'rows were')} moved that the next move reads again"
            if self._wanted.lookback is None:
                above = text_of(self._upper)
                which = f"with a '{column}' above {above}"
                fate = plural(count, f"row {which} waits", f"rows {which} wait")
                fate += " for the next move"
            yield f"{fate}, because {self._cause()} may add rows below them"

    def _cause(self) -> str:
        """Return a hint on the cause of rows with a value below the watermark."""
        import pyarrow as pa

        kind, is_ = self._kind, pa.types
        if is_.is_date(kind) or (is_.is_timestamp(kind) and kind.tz is None):
            return (
                f"'{self._wanted.column}' has no time zone (set time_zone in the home), and an "
                "open transaction or a slow clock"
            )
        return "open transactions in the home"


def _filtered(batch: pa.RecordBatch, wanted: pa.Array) -> pa.RecordBatch:
    """Return the selected rows; view types, which Arrow cannot filter, are cast first."""
    import pyarrow as pa

    plain = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    columns = [
        array.cast(plain[array.type]) if array.type in plain else array for array in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names).filter(wanted)


class _Ties:
    """The rows at the watermark that were moved before."""

    def __init__(
        self, last: Watermark | None, offered: pa.Schema, mode: Mode, identity: Sequence[str]
    ) -> None:
        names = () if last is None else last.ties_of
        wanted = identity if identity and set(identity) <= set(names) else offered.names
        places = [n for n, name in enumerate(names) if name in offered.names and name in wanted]
        self._columns = [names[n] for n in places]
        digested = () if last is None else last.ties

        def pick(row: str) -> str:
            return "".join(row[n * DIGEST : (n + 1) * DIGEST] for n in places)

        self.left: Counter[str] = Counter(map(pick, digested)) if places else Counter()
        if last is not None and not places and last.ties:
            _check_comparable(mode)

    def moved(self, rows: pa.RecordBatch, tied: pa.Array) -> pa.Array:
        """Return which of a batch's tied rows were moved; each digest matches one row."""
        import pyarrow as pa

        mask = tied.to_pylist()
        known = iter(digests(rows.select(self._columns)))
        for number, is_tied in enumerate(mask):
            if is_tied:
                row = next(known)
                mask[number] = self.left[row] > 0
                self.left[row] -= mask[number]
        return pa.array(mask, pa.bool_())


def _ordering(column: str, offered: pa.Schema) -> Ordering:
    """Return the ordering of the column. Raises `FlowError` where it is unknown."""
    try:
        return Ordering.of(offered.field(column))
    except ValueError as error:
        raise _unfit(column, str(error)) from error


def identity_of(
    wanted: Incremental, settings: MoveSettings, home_key: Sequence[str]
) -> tuple[str, ...]:
    """Return the columns by which an append recognizes a row; empty for the whole row.

    Raises `FlowError` where `updates: ignore` has no key, or a key rules out `updates: append`.
    """
    if settings.mode is not Mode.APPEND:
        return ()
    known = settings.primary_key or tuple(home_key)
    key = known if all(_is_told(name, settings) for name in known) else ()
    if wanted.updates == "append" and settings.primary_key:
        raise FlowError(
            "incremental: updates: append adds a changed row again, and primary_key does not "
            "allow a second row with the same key",
            hint="use  mode: merge, or remove primary_key or updates",
            code="HG539",
        )
    if wanted.updates == "ignore" and not key:
        raise FlowError(
            "incremental: updates: ignore needs a primary key",
            hint="set  primary_key: …; its columns must be moved and not masked",
            code="HG539",
        )
    is_default = bool(settings.primary_key) or wanted.column in key
    is_ignored = is_default if wanted.updates is None else wanted.updates == "ignore"
    return key if is_ignored else ()


def _is_told(name: str, settings: MoveSettings) -> bool:
    """Return whether moved rows contain a column unmasked or hashed."""
    one = settings.columns.get(name)
    return one is None or one.mask in (None, "hash")


def _check_mode(wanted: Incremental, mode: Mode) -> None:
    """Raise for settings that read rows again, which an append would duplicate."""
    again = "lookback" if wanted.lookback is not None else ""
    again = "nulls: include" if wanted.nulls == "include" else again
    if again and mode is Mode.APPEND:
        raise FlowError(
            f"incremental: with {again} rows are moved again, and an append would duplicate them",
            hint="use a merge:  mode: merge  and  primary_key: …",
            code="HG539",
        )


def _check_whole(mode: Mode) -> None:
    if mode is Mode.APPEND:
        raise FlowError(
            "--limit cannot be combined with an incremental append: rows are read in any order, "
            "so the omitted ones would be lost",
            hint="remove --limit, or move fewer rows with  where  or  incremental: {initial: …}",
            code="HG539",
        )


def _check_told_apart(column: str, top: pa.Scalar, mode: Mode) -> None:
    if mode is Mode.APPEND:
        raise FlowError(
            f"more than {MOST_TIES:,} rows have the highest value of '{column}', {text_of(top)}: "
            "too many to distinguish them from rows added later",
            hint="use a merge (mode: merge, primary_key: …), or, if no rows are added later with a "
            f"value that already exists,  incremental: {{column: {column}, ties: closed}}",
            code="HG539",
        )


def _check_comparable(mode: Mode) -> None:
    if mode is Mode.APPEND:
        raise FlowError(
            "the columns that distinguished rows at the watermark no longer exist",
            hint="move everything again with  hygge go FLOW --full-refresh",
            code="HG538",
        )


def _unfit(column: str, reason: str) -> FlowError:
    return FlowError(
        f"'{column}' cannot be a watermark column: {reason}",
        hint="choose a column of numbers, dates, timestamps or texts that increases with each new "
        "row; a view or a  query:  in the home can cast it to one",
        code="HG539",
    )


def _known(last: Watermark | None, ordering: Ordering, column: str) -> pa.Scalar | None:
    """Return the watermark as a value of the column's current type."""
    if last is None:
        return None
    try:
        return ordering.value_of(last.value)
    except ValueError as error:
        raise FlowError(
            f"the type of '{column}' changed from {last.type} to {ordering.kind} since its "
            f"watermark was written: {error}",
            hint="move everything again with  hygge go FLOW --full-refresh, or set the value to "
            "continue from with  hygge state set FLOW VALUE",
            code="HG538",
        ) from error
