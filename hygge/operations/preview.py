"""Preview of what `go` would do to each entity, without reading rows, locking or writing.

The home is opened to read its columns only, and the store is inspected. All checks are those that a
move makes before its first row (`preparing`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from hygge.connector import Inspection, Source, WriteRequest
from hygge.engine.move import failure_of
from hygge.engine.plan import Move, Plan
from hygge.engine.preparation import Prepared, Terms, aim, offer, prepare, settle, terms_of
from hygge.engine.staging import blaming
from hygge.errors import HomeError, HyggeError, StoreError
from hygge.incremental.backfill import Backfill, clearing, shown
from hygge.incremental.guarantee import Promise, promise_of
from hygge.incremental.guards import shrinkage
from hygge.incremental.increment import Increment
from hygge.incremental.resume_point import ResumePoint
from hygge.runtime.locks import refuse_moving
from hygge.settings.move import POSITIONS
from hygge.transform.schema_contract import Difference, differences, typed
from hygge.types.unfit import UnfitError, fit_schema
from hygge.types.watermarks import text_of
from hygge.values.model import Commit, Failure, Mode, Purpose
from hygge.values.plurals import plural

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class ColumnPath:
    """The types of one column from home to store."""

    name: str
    """Name in the store."""
    home: str
    """Type in the home; `-` for a column that the flow adds."""
    moved: str
    """Staged type."""
    store: str
    """The store's own type; `-` where there is none."""
    how: str
    """`exact`, `widened`, `refused`, `added` by the flow, or `cast`: by the flow or its mask."""
    source: str | None = None
    """Name in the home; None for a column that the flow adds."""
    mask: str | None = None
    """Its mask."""


@dataclass(slots=True)
class Preview:
    """The preview of one entity."""

    move: Move
    promise: Promise
    last: Commit | None = None
    rows: int | None = None
    """Rows of the entity, where the home knows them at no cost."""
    estimate: int | None = None
    """Estimated rows, from the home's catalog."""
    window: str | None = None
    """Where reading begins, for an incremental flow."""
    columns: list[ColumnPath] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """Columns of the home that are not moved."""
    changes: list[Difference] = field(default_factory=list)
    """Differences between the home's columns and the store's."""
    destroys: list[str] = field(default_factory=list)
    """What would be deleted from the store."""
    notes: tuple[str, ...] = ()
    """Notes of the home on how it reads its data."""
    is_locked: bool = False
    failure: Failure | None = None
    """Why the move would fail."""


def previews(plan: Plan) -> Iterator[Preview]:
    """Yield the preview of each move of a plan."""
    run_id, now = secrets.token_hex(8), datetime.now(UTC)
    for move in plan.moves:
        terms = terms_of(
            move, run_id=run_id, now=now, salt=plan.salt, limit=plan.limit, again=plan.again
        )
        preview = Preview(move, promise_of(move.settings), is_locked=move.pinned is not None)
        try:
            _look(preview, plan, terms)
        except HyggeError as error:
            preview.failure = failure_of(error, move)
        if preview.last is not None and preview.failure is None:
            preview.destroys += _destroyed(preview, preview.last, full_refresh=plan.full_refresh)
        yield preview


def _look(preview: Preview, plan: Plan, terms: Terms) -> None:
    """Run the steps of a move before its first row, with an inspected target."""
    move = preview.move
    refuse_moving(plan.context.root, move.place(plan.context), move.name)
    store = move.store.store(plan.context)
    request = move.write_request(terms.run_id, adopt=plan.adopt)
    if terms.again is not None:
        with blaming(StoreError, f"cannot inspect {move.into}"):
            last = store.last_commit(move.into)
        request = replace(request, clears=clearing(move.settings, terms.again, last))
    with (
        blaming(StoreError, f"cannot inspect {move.into}"),
        store.inspect(request) as place,
    ):
        preview.last = last = place.last_commit()
        resume = ResumePoint.of(move.settings, last, fills=move.fills)
        asked = move.bounded_request(place.schema, Purpose.PLAN)
        wanted = replace(asked, positions=resume.positions)
        with (
            blaming(HomeError, f"cannot read {move.entity}"),
            move.home.home(plan.context).open(wanted) as source,
        ):
            preview.rows, preview.estimate = source.total_rows, source.estimated_rows
            preview.notes = tuple(source.notes())
            if last is not None and resume.knows(source.positions):
                preview.window = "nothing new" if _is_queue(move) else "no new files"
                return
            prepared = prepare(move, source, resume, last, terms)
            aim(prepared)
            with blaming(StoreError, f"cannot inspect {move.into}"):
                _look_at_columns(preview, place, prepared, terms, request)


def _look_at_columns(
    preview: Preview, place: Inspection, prepared: Prepared, terms: Terms, request: WriteRequest
) -> None:
    move, shape, settings = prepared.move, prepared.shape, prepared.move.settings
    preview.window = _window(prepared)
    preview.left_out = sorted(shape.left_out)
    held = place.schema()
    schema = typed(shape.schema, held)
    names = prepared.names()
    sources = names.sources
    preview.columns = [
        _path(move, field, prepared.source.schema, sources.get(field.name)) for field in schema
    ]
    fit_schema(schema, partial(_fit, move), holder=f"tables of store {move.store_name}")
    if held is not None:
        offered = offer(place, prepared, held)
        contract = settings.schema_contract
        preview.changes = differences(offered, held, contract, settings.mode, names)
    settle(place, prepared, terms, request)


def _window(prepared: Prepared) -> str | None:
    resume, increment = prepared.resume, prepared.increment
    if isinstance(increment, Backfill):
        return f"{shown(increment.span)}, to be moved again"
    if increment is None:
        before, now = resume.positions, prepared.source.positions
        if before is None or now is None:
            return None
        if _is_queue(prepared.move):
            return _messages(prepared.source)
        new = [name for name, stamp in now.items() if before.get(name) != stamp]
        return f"{len(new):,} new of {plural(len(now), 'known file')}"
    column, low, mark = increment.span.column, increment.span.low, resume.watermark
    if low is None:
        return f"all values of {column} up to now{_updates(prepared.move, increment)}"
    back = "" if not resume.reads_back or mark is None else f" (read back from {mark.value})"
    updates = _updates(prepared.move, increment)
    return f"{column} from {text_of(low)} (inclusive){back} up to now{updates}"


def _is_queue(move: Move) -> bool:
    return move.settings.incremental == POSITIONS


def _messages(source: Source) -> str:
    known = source.total_rows
    return "all new messages" if known is None else f"{plural(known, 'new message')}"


def _updates(move: Move, increment: Increment) -> str:
    """Return what happens to appended rows that change later."""
    if move.settings.mode is not Mode.APPEND:
        return ""
    column = increment.span.column
    if column in increment.identity or (increment.identity and not move.settings.primary_key):
        key = ", ".join(increment.identity)
        return f"; a row with the same {key} that changes later is not moved again"
    if move.settings.primary_key and move.store.answers_sql:
        return (
            f"; a row that changes later is read again if its {column} increases, and then stops "
            "the append because its key exists: mode: merge updates it"
        )
    return f"; a row that changes later is appended again if its {column} increases"


def _fit(move: Move, field: pa.Field) -> pa.Field:
    held = move.store.held_as(field)
    if held is None:
        raise UnfitError("it has no type for all of its values")
    return held[0]


def _path(move: Move, field: pa.Field, home: pa.Schema, source: str | None) -> ColumnPath:
    held, moved = move.store.held_as(field), str(field.type)
    kind = "-" if source is None else str(home.field(source).type)
    wanted = None if source is None else move.settings.columns.get(source)
    mask = None if wanted is None else wanted.mask
    path = ColumnPath(field.name, kind, moved, "-", "refused", source, mask)
    if held is None:
        return path
    staged, name = held
    how = "exact" if staged.type.equals(field.type) else "widened"
    if source is None:
        how = "added"
    elif kind not in ("null", moved):
        how = "cast"
    return replace(path, moved=str(staged.type), store=name, how=how)


def _destroyed(preview: Preview, last: Commit, *, full_refresh: bool) -> Iterator[str]:
    settings, into = preview.move.settings, preview.move.into
    if preview.rows is not None:
        undo, where = f"hygge undo {preview.move.flow}", preview.move.where
        shrunk = shrinkage(settings, preview.rows, last, undo=undo, where=where)
        yield from [] if shrunk is None else [shrunk]
    if settings.mode is Mode.REPLACE and last.total_rows:
        why = " (--full-refresh)" if full_refresh else ""
        rows = plural(last.total_rows, f"row of {into} is", f"rows of {into} are")
        yield f"{'all ' if last.total_rows > 1 else ''}{rows} replaced{why}"
    if settings.mode is Mode.MERGE and settings.delete_missing:
        what = "marked as deleted" if settings.delete_missing == "soft" else "deleted"
        yield f"rows of {into} that are no longer in the home are {what}"
    drops = settings.mode is Mode.REPLACE and settings.schema_contract.drop == "evolve"
    for one in preview.changes:
        if drops and one.kind == "gone" and not one.refusal:
            yield f"column '{one.column}' is dropped from {into}"
