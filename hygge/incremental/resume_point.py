"""The state from which a flow continues, read from its store's newest commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from hygge.errors import FlowError
from hygge.incremental.backfill import Backfill, Ends
from hygge.incremental.increment import Increment
from hygge.settings.move import Incremental, MoveSettings
from hygge.transform.shape import Shape, check_known, stored_key, stored_masks
from hygge.types.watermarks import text_before
from hygge.values.model import Commit, Mode, Receipt, ShapeRecord, Watermark
from hygge.values.plurals import listed, plural
from hygge.values.requests import WriteRequest

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connector import Source


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """The state from which a move continues."""

    settings: MoveSettings
    watermark: Watermark | None = None
    positions: Mapping[str, str] | None = None
    """Positions of files or a queue; empty when nothing was moved yet, None without them."""

    @classmethod
    def of(cls, settings: MoveSettings, last: Commit | None, *, fills: bool = False) -> ResumePoint:
        """Return the state after `last`; a replace always starts from the beginning.

        With `fills` moved rows are moved again.

        Raises `FlowError` with the choices when the flow is not the one that wrote `last`.
        """
        wanted = settings.incremental
        if settings.mode is Mode.REPLACE:
            last = None
        if last is not None:
            _check_key(settings, last)
            if wanted is not None:
                _check_increment(settings, last)
        if wanted is None:
            return cls(settings)
        if isinstance(wanted, Incremental):
            return cls(settings, None if last is None else last.watermark)
        return cls(settings, positions={} if last is None or fills else last.positions)

    @property
    def columns(self) -> tuple[str, ...]:
        """The watermark column, if any."""
        wanted = self.settings.incremental
        return (wanted.column,) if isinstance(wanted, Incremental) else ()

    @property
    def reads_back(self) -> bool:
        """Whether rows below the watermark are read again."""
        wanted = self.settings.incremental
        return isinstance(wanted, Incremental) and wanted.lookback is not None

    @property
    def after(self) -> str | None:
        """The lowest value of the watermark column that is still wanted, as text; None for all."""
        wanted, mark = self.settings.incremental, self.watermark
        if not isinstance(wanted, Incremental) or self.settings.mode is Mode.REPLACE:
            return None
        if wanted.nulls == "include":  # a system that compares would exclude them
            return None
        if mark is None:
            return None if wanted.initial is None else str(wanted.initial)
        if wanted.lookback is None:
            return mark.value
        return text_before(mark.value, mark.type, wanted.lookback)

    def knows(self, positions: Mapping[str, str] | None) -> bool:
        """Return whether a source has nothing beyond what was moved before."""
        if not self.positions or positions is None:
            return False
        return positions.items() <= self.positions.items()

    def again(self, source: Source) -> tuple[str, ...]:
        """Return the changed files of a source, whose rows are appended again."""
        return source.repeats if self.positions and self.settings.mode is Mode.APPEND else ()

    def notes(self, source: Source) -> Iterator[str]:
        """Yield notes on what is moved again, where that duplicates rows; a merge updates them."""
        again = self.again(source)
        if again:
            yield (
                "files changed since they were moved; all their rows were appended again: "
                f"{listed(again)}"
            )

    def increment(
        self,
        shape: Shape,
        offered: pa.Schema,
        now: datetime,
        again: Ends | None = None,
        *,
        home_key: tuple[str, ...] = (),
    ) -> Increment | None:
        """Return the selection of rows to move; None without a watermark column.

        It selects rows that were not moved before, or, with `again`, a range.
        """
        wanted = self.settings.incremental
        if not isinstance(wanted, Incremental):
            return None
        check_known(wanted.column, offered, "incremental")
        kind = Increment if again is None else Backfill
        increment = kind(
            wanted,
            self.settings,
            offered,
            shown=shape.masked,
            last=self.watermark,
            now=now,
            home_key=home_key if set(home_key) <= set(shape.moved) else (),
        )
        return increment.over(again) if isinstance(increment, Backfill) and again else increment


def next_commit(
    request: WriteRequest,
    last: Commit | None,
    *,
    receipt: Receipt,
    schema: pa.Schema,
    at: datetime,
    watermark: Watermark | None,
    positions: Mapping[str, str],
    shape: ShapeRecord | None = None,
    masked: tuple[str, ...] = (),
) -> Commit:
    """Return the commit of staged rows that follows `last`."""
    kept = last.total_rows if last is not None and request.mode is not Mode.REPLACE else 0
    return Commit(
        flow=request.flow,
        entity=request.entity,
        seq=(last.seq if last else 0) + 1,
        run_id=request.run_id,
        mode=request.mode,
        rows=receipt.rows,
        total_rows=kept + receipt.rows,
        schema=schema,
        committed_at=at.isoformat(),
        watermark=watermark,
        primary_key=request.primary_key,
        positions=positions,
        receipt=receipt,
        shape=shape,
        masked=masked,
    )


def newly_masked(settings: MoveSettings, last: Commit | None) -> tuple[str, ...]:
    """Return the masked columns for which the store may still hold plain values from `last`."""
    if last is None or not last.total_rows:
        return ()
    held = set(last.schema.names) - set(last.masked)
    return tuple(name for name in stored_masks(settings) if name in held)


def mask_notes(request: WriteRequest, names: tuple[str, ...]) -> Iterator[str]:
    """Yield notes on the plain values of newly masked columns."""
    if names and request.mode is Mode.REPLACE:
        yield f"masked for the first time: {listed(names)}; earlier rows were not kept for undo"
    elif names:
        yield (
            f"rows moved earlier may have plain values of {listed(names)}, which is masked now; "
            f"mask them too with  hygge go {request.flow} --full-refresh"
        )


def _check_key(settings: MoveSettings, last: Commit) -> None:
    key = stored_key(settings)
    if settings.mode is Mode.MERGE and last.primary_key and set(key) != set(last.primary_key):
        raise _changed(
            f"primary_key changed from {_shown(last.primary_key)} to {_shown(key)} since the last "
            "commit",
            "restore the previous key",
        )


def _check_increment(settings: MoveSettings, last: Commit) -> None:
    """Raise unless `last` records what was moved; an append would duplicate it."""
    wanted = settings.incremental
    mark = last.watermark
    if isinstance(wanted, Incremental):
        if mark is not None and mark.column != wanted.column:
            raise _changed(
                f"incremental changed from '{mark.column}' to '{wanted.column}' since the last "
                "commit",
                f"restore  incremental: {mark.column}",
            )
        is_known = mark is not None
    else:
        is_known = bool(last.positions)
    if not is_known and settings.mode is Mode.APPEND and last.total_rows:
        raise _changed(
            f"the store has {plural(last.total_rows, 'row')}, but its last commit has no "
            "watermark: an append would move them again",
            "set the value to continue from with  hygge state set FLOW VALUE"
            if isinstance(wanted, Incremental)
            else "write to another table with  into: <name>",
        )


def _shown(names: tuple[str, ...]) -> str:
    return f"[{', '.join(names)}]"


def _changed(what: str, way: str) -> FlowError:
    return FlowError(
        what,
        hint=f"{way}, or move everything again with  hygge go FLOW --full-refresh",
        code="HG538",
    )
