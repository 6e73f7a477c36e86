"""The decisions of a move before its first row, shared by `hygge go` and `hygge plan`.

Both make the same checks in the same order because both call what is here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from hygge.connector import Ability, Inspection, Source, WriteRequest
from hygge.engine.plan import Move
from hygge.incremental.backfill import Ends
from hygge.incremental.guarantee import check_promise
from hygge.incremental.guards import check_limit
from hygge.incremental.increment import Increment
from hygge.incremental.resume_point import ResumePoint
from hygge.settings.move import Incremental, MoveSettings
from hygge.transform.checks import check_columns
from hygge.transform.order_check import check_compared
from hygge.transform.schema_contract import Agreement, HomeNames, agree, typed
from hygge.transform.schema_lock import check_pinned
from hygge.transform.shape import Shape
from hygge.transform.shape_changes import check_shape
from hygge.values.model import Commit, Mode, Watermark

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Terms:
    """The options of a run that concern one move."""

    run_id: str
    now: datetime
    salt: bytes | None = field(default=None, repr=False)
    """The key of masks by hash."""
    limit: int | None = None
    again: Ends | None = None
    """The range of the watermark column to move again."""
    accepts: bool = False
    """Whether rows that were moved before may stay in another shape."""


def terms_of(
    move: Move,
    *,
    run_id: str,
    now: datetime,
    salt: bytes | None,
    limit: int | None,
    again: Ends | None,
) -> Terms:
    """Return the options of a run that concern one of its moves."""
    if move.fills and isinstance(move.settings.incremental, Incremental):
        again = (None, None)
    return Terms(run_id, now, salt, limit, again, accepts=move.accepts)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An open source, and how its rows are moved."""

    move: Move
    source: Source
    home: frozenset[str]
    """All columns of the home."""
    shape: Shape
    resume: ResumePoint
    last: Commit | None
    increment: Increment | None

    def names(self) -> HomeNames:
        """Return the mapping between columns of the home and the store."""
        record = None if self.last is None else self.last.shape
        columns = {} if record is None else record.columns
        still = {name for name, origin in columns.items() if origin.source in self.home}
        sources = dict(zip(self.shape.schema.names, self.shape.moved, strict=False))
        return HomeNames(sources, self.home | still)

    def notes(self) -> tuple[str, ...]:
        """Return the notes on the rows, after they were read."""
        seen = () if self.increment is None else self.increment.notes()
        return (*seen, *self.resume.notes(self.source), *self.source.notes())

    def watermark(self) -> Watermark | None:
        """Return the watermark of the rows, after they were read."""
        return None if self.increment is None else self.increment.watermark()

    def is_known(self) -> bool:
        """Return whether a commit would record the same state as the last one."""
        positions, last = self.source.positions or {}, self.last
        if last is None or (last.shape is not None and last.shape != self.shape.record):
            return False
        return (last.watermark, last.positions) == (self.watermark(), positions)


def prepare(
    move: Move, source: Source, resume: ResumePoint, last: Commit | None, terms: Terms
) -> Prepared:
    """Return how the rows of an open source are moved; raise `FlowError` for conflicts."""
    if not move.is_scratch:
        check_limit(move.settings, terms.limit, last, flow=move.flow, into=move.into)
    check_promise(move.settings, limit=terms.limit, again=resume.again(source))
    check_pinned(source.schema, move.pinned, move.flow, is_part=bool(resume.positions))
    shape = Shape(
        move.settings,
        source.schema,
        run_id=terms.run_id,
        loaded_at=terms.now,
        salt=terms.salt,
        filters=Ability.WHERE not in move.home.can,
    )
    increment = resume.increment(
        shape, source.schema, terms.now, terms.again, home_key=source.primary_key
    )
    if increment is not None and terms.limit is not None:
        increment.cut_short()
    home = frozenset(source.schema.names)
    return Prepared(move, source, home, shape, resume, last, increment)


def aim(prepared: Prepared) -> None:
    """Have the source read what is moved only; raise `HomeError` where it cannot."""
    source, sources, increment = prepared.source, prepared.shape.sources, prepared.increment
    if sources:  # rows without any column could not be counted by their bytes
        source.narrow([*sources, *prepared.resume.columns])
    if increment is not None:
        source.within(increment.span)
    source.foresee()


def offer(place: Inspection, prepared: Prepared, held: pa.Schema | None) -> pa.Schema:
    """Return the schema that a store would hold for the moved columns; `held` is what it has."""
    return place.accept(typed(prepared.shape.schema, held))


def _with_doubles(
    place: Inspection, offered: pa.Schema, held: pa.Schema | None, settings: MoveSettings
) -> tuple[pa.Schema | None, tuple[str, ...]]:
    """Return `held` with doubles for integers that became decimals, and a note.

    Only where the contract allows changes of type, and doubles hold all published values exactly,
    which depends on the values.
    """
    import pyarrow as pa

    if held is None or settings.mode is Mode.REPLACE or settings.schema_contract.change != "evolve":
        return held, ()
    known, notes = {field.name: field for field in held}, []
    for one in offered:
        mine = known.get(one.name)
        if mine is None or not (_is_long(mine.type) and pa.types.is_float64(one.type)):
            continue
        if place.fits_double(mine.name):
            known[one.name] = mine.with_type(one.type).remove_metadata()
            notes.append(f"type of column '{mine.name}' changed from {mine.type} to {one.type}")
    return pa.schema(list(known.values()), metadata=held.metadata), tuple(notes)


def _is_long(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) and kind.bit_width == 64)


def settle(place: Inspection, prepared: Prepared, terms: Terms, request: WriteRequest) -> Agreement:
    """Return the schema to stage; raise for what contract, earlier rows, checks or store refuse."""
    move, shape, settings = prepared.move, prepared.shape, prepared.move.settings
    held = place.schema()
    offered = offer(place, prepared, held)
    held, notes = _with_doubles(place, offered, held, settings)
    agreement = agree(offered, held, settings.schema_contract, settings.mode, prepared.names())
    agreement = replace(agreement, notes=(*agreement.notes, *notes))
    last = prepared.last
    if not terms.accepts and last is not None and last.flow == move.flow:
        check_shape(settings, move.flow, last, shape.record, offered=offered, home=prepared.home)
    schema = place.accept(agreement.schema)
    check_compared(settings, schema, move.store, clears=request.clears)
    check_columns(settings.checks, schema)
    place.foresee(schema)
    return replace(agreement, schema=schema)
