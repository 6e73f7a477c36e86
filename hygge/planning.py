"""What `go` would do to each entity, told without reading rows, taking locks or writing anything.

The home is opened as a move opens it and asked for its columns only; the store tells its newest
commit, in which its columns and the place to go on from are written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from hygge.comparing import check_compared
from hygge.connector import Source
from hygge.contract import Difference, agree, differences, typed
from hygge.errors import HomeError, HyggeError, StoreError
from hygge.flow import failure_of
from hygge.history import Past
from hygge.model import Ability, Commit, Failure, Mode
from hygge.pinned import check_pinned
from hygge.plan import Move, Plan
from hygge.plurals import plural
from hygge.promises import Promise, check_promise, promise_of
from hygge.shape import Shape
from hygge.staging import blaming
from hygge.unfit import UnfitError, fit_schema
from hygge.watermarks import text_of

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class ColumnPath:
    """The way of one column, type by type."""

    name: str
    """In the store."""
    home: str
    """Its type in the home; `-` for a column that the flow adds."""
    moved: str
    """The type that is staged."""
    store: str
    """What the store calls the type in which it lies there; `-` where it has none."""
    how: str
    """`exact`, `widened`, `refused`, `added` by the flow, or `cast`: by the flow or its mask."""


@dataclass(slots=True)
class Preview:
    """What a run would do to one entity."""

    move: Move
    promise: Promise
    last: Commit | None = None
    rows: int | None = None
    """Rows of the entity, where the home tells that for nothing."""
    window: str | None = None
    """From where rows are read, for a flow that is incremental."""
    columns: list[ColumnPath] = field(default_factory=list)
    changes: list[Difference] = field(default_factory=list)
    """How the home's columns differ from the store's."""
    destroys: list[str] = field(default_factory=list)
    """What would be gone from the store afterwards."""
    notes: tuple[str, ...] = ()
    """What the home says of how it reads its data."""
    is_locked: bool = False
    failure: Failure | None = None
    """Why the move would fail."""


def previews(plan: Plan, *, full_refresh: bool = False) -> Iterator[Preview]:
    """Yield what each move of a plan would do, one after the other."""
    for move in plan.moves:
        preview = Preview(move, promise_of(move.settings), is_locked=move.pinned is not None)
        try:
            _look(preview, plan)
        except HyggeError as error:
            preview.failure = failure_of(error, move.where)
        if preview.last is not None and preview.failure is None:
            preview.destroys += _destroyed(preview, preview.last, full_refresh=full_refresh)
        yield preview


def _look(preview: Preview, plan: Plan) -> None:
    move = preview.move
    with blaming(StoreError, f"cannot look at {move.into}"):
        last = move.store.store(plan.context).last_commit(move.into)
    preview.last = last
    if last is not None and last.flow != move.flow:
        last = replace(last, watermark=None, ledger={})
    past = Past.of(move.settings, last)
    request = replace(move.request(lambda: last and last.schema), moved=past.moved)
    with (
        blaming(HomeError, f"cannot read {move.entity}"),
        move.home.home(plan.context).open(request) as source,
    ):
        preview.rows = source.total_rows
        preview.notes = tuple(source.notes())
        if past.knows(source.ledger):
            preview.window = "no file that was not moved before: nothing new"
            return
        check_promise(move.settings, limit=plan.limit, again=past.again(source.ledger))
        is_part = bool(past.moved)
        check_pinned(source.schema, move.pinned, move.flow, is_part=is_part)
        _look_at_columns(preview, plan, source, past)


def _look_at_columns(preview: Preview, plan: Plan, source: Source, past: Past) -> None:
    move, now = preview.move, datetime.now(UTC)
    shape = Shape(
        move.settings,
        source.schema,
        run_id="",
        loaded_at=now,
        salt=plan.salt,
        filters=Ability.WHERE not in move.home.can,
    )
    increment = past.increment(shape, source.schema, now)
    if increment is not None:
        preview.window = _window(past, increment.span.column, increment.span.low)
    elif past.moved is not None and source.ledger is not None:
        new = [name for name, stamp in source.ledger.items() if past.moved.get(name) != stamp]
        preview.window = f"{len(new):,} new of {plural(len(source.ledger), 'known file')}"
    held = None if preview.last is None else preview.last.schema
    schema = typed(shape.schema, held)
    homes = [str(source.schema.field(name).type) for name in shape.moved]
    homes += ["-"] * (len(schema) - len(homes))
    preview.columns = [_path(move, *pair) for pair in zip(schema, homes, strict=True)]
    offered = fit_schema(schema, partial(_fit, move), holder=f"tables of store {move.store_name}")
    contract = move.settings.schema_contract
    if held is not None:
        preview.changes = differences(offered, held, contract, move.settings.mode)
    agreed = agree(offered, held, contract, move.settings.mode)
    check_compared(move.settings, agreed.schema, move.store)


def _window(past: Past, column: str, low: pa.Scalar | None) -> str:
    if low is None:
        return f"all values of {column}, to now"
    mark = past.watermark
    back = "" if not past.reads_back or mark is None else f" (read back from {mark.value})"
    return f"{column} from {text_of(low)}, included{back}, to now"


def _fit(move: Move, field: pa.Field) -> pa.Field:
    held = move.store.held_as(field)
    if held is None:
        raise UnfitError("no type of it holds every value")
    return held[0]


def _path(move: Move, field: pa.Field, home: str) -> ColumnPath:
    held, moved = move.store.held_as(field), str(field.type)
    if held is None:
        return ColumnPath(field.name, home, moved, "-", "refused")
    staged, name = held
    how = "exact" if staged.type.equals(field.type) else "widened"
    if home == "-":
        how = "added"
    elif home not in ("null", moved):
        how = "cast"
    return ColumnPath(field.name, home, str(staged.type), name, how)


def _destroyed(preview: Preview, last: Commit, *, full_refresh: bool) -> Iterator[str]:
    settings, into = preview.move.settings, preview.move.into
    if settings.mode is Mode.REPLACE and last.total_rows:
        why = " (--full-refresh)" if full_refresh else ""
        rows = plural(last.total_rows, f"row of {into} is", f"rows of {into} are")
        yield f"the {rows} replaced{why}"
    if settings.mode is Mode.MERGE and settings.delete_missing:
        what = "marked as deleted" if settings.delete_missing == "soft" else "deleted"
        yield f"rows of {into} that the home has no more are {what}"
    for one in preview.changes:
        if one.kind == "gone" and "leaves" in one.deed and not one.refusal:
            yield f"column '{one.column}' leaves {into}"
