"""Setting a flow's watermark by hand: an empty commit with another watermark.

The next move reads the store's chain of commits, so the change is another commit, published like
any other. `hygge history` shows who made it.
"""

from __future__ import annotations

import getpass
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hygge.connector import ProjectContext, Target, WriteRequest
from hygge.engine.move import failure_of, naming
from hygge.engine.plan import Move, Plan
from hygge.engine.staging import blaming
from hygge.errors import FlowError, HomeError, HyggeError, StoreError
from hygge.settings.move import POSITIONS, Incremental, parse_seconds
from hygge.transform.shape import check_known
from hygge.types.ordering import Ordering
from hygge.types.watermarks import text_of, tomorrow
from hygge.values.model import (
    BY_HAND,
    Commit,
    Event,
    Mode,
    MoveFinished,
    MoveStarted,
    Outcome,
    Result,
    RunFinished,
    RunStarted,
    Split,
    Watermark,
)
from hygge.values.plurals import plural

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Position:
    """The present and the new watermark of one entity."""

    move: Move
    last: Commit
    new: Watermark | None = None
    positions: Mapping[str, str] = field(default_factory=dict)
    """The new positions, for a flow with positions."""

    @property
    def summary(self) -> str:
        """The change in a few words."""
        if self.last.flow != self.move.flow:
            return f"flow {self.last.flow} -> {self.move.flow}"
        old, files = self.last.watermark, len(self.last.positions)
        what = plural(files, "position" if self.move.settings.incremental == POSITIONS else "file")
        was = what if old is None and files else _shown(old)
        return f"{was} -> {_shown(self.new)}"


def _shown(mark: Watermark | None) -> str:
    return "nothing" if mark is None else f"{mark.column} = {mark.value}"


def last_commit(move: Move, context: ProjectContext) -> Commit | None:
    """Return the newest commit of a move's place."""
    with blaming(StoreError, f"cannot inspect {move.into}"):
        return move.store.store(context).last_commit(move.into)


def position(
    move: Move, context: ProjectContext, value: str | None, back: str | None = None
) -> Position:
    """Return the change by setting `value`, or by going `back` from the present value.

    Without both the flow's state is cleared. `back` is a duration for times (`1d`) and a number for
    numbers. Reads the column's type from the home. Raises `FlowError` for a value or distance that
    does not fit it.
    """
    wanted = move.settings.incremental
    is_forgotten = value is None and back is None
    if wanted is None or not (isinstance(wanted, Incremental) or is_forgotten):
        how = "no incremental" if wanted is None else f"incremental: {wanted}"
        raise _refused(f"{move.flow} has {how}, so it has no watermark", None)
    last = last_commit(move, context)
    if last is not None and last.flow != move.flow:
        raise _refused(
            f"{move.into} belongs to flow '{last.flow}', which wrote its last commit",
            f"take it over with  hygge go {move.flow} --adopt; the next run continues from there",
        )
    if last is None:
        raise _refused(
            f"{move.flow} has not moved anything to {move.into} yet",
            f"set the first value with  incremental: {{column: …, initial: …}}  in {move.where}",
        )
    if is_forgotten or not isinstance(wanted, Incremental):
        return Position(move, last)
    known, field = last.watermark, _field(move, context, wanted.column)
    if value is None:
        value = _earlier(known, field, str(back))
    mark = _watermark(wanted.column, value, field)
    is_same = known is not None and (known.column, known.value) == (mark.column, mark.value)
    return Position(move, last, known if is_same else mark)


def _field(move: Move, context: ProjectContext, column: str) -> pa.Field:
    with (
        naming(move),
        blaming(HomeError, f"cannot read {move.entity}"),
        move.home.home(context).open(move.request()) as source,
    ):
        check_known(column, source.schema, "incremental")
        field: pa.Field = source.schema.field(column)
    return field


def _earlier(known: Watermark | None, field: pa.Field, back: str) -> str:
    """Return the value at a distance before the present one, as text."""
    import pyarrow as pa

    if known is None:
        raise _refused("there is no watermark yet to go back from", None)
    is_number = re.fullmatch(r"[0-9]+([.][0-9]+)?", back) is not None
    if is_number and pa.types.is_temporal(field.type):
        raise _refused(f"'{field.name}' is a time", "go back by a duration, such as 1d or 2h")
    try:
        distance = float(back) if is_number else _seconds(back, field)
        ordering = Ordering.of(field)
        return text_of(ordering.before(ordering.value_of(known.value), distance))
    except ValueError as error:
        what = f"'{field.name}' ({field.type}) cannot go back by {back}"
        raise _refused(
            what, "write a duration such as 1d for times, and a number such as 1000 for numbers"
        ) from error


def _seconds(back: str, field: pa.Field) -> float:
    import pyarrow as pa

    seconds = parse_seconds(back)
    if not (isinstance(seconds, float) and pa.types.is_temporal(field.type)):
        raise ValueError(f"a duration for a {field.type}")
    return seconds


def _watermark(column: str, value: str, field: pa.Field) -> Watermark:
    try:
        ordering = Ordering.of(field)
    except ValueError as error:
        what = f"'{column}' cannot be a watermark column: {error}"
        raise _refused(what, None) from error
    try:
        found = ordering.value_of(value)
    except ValueError as error:
        raise _refused(
            f"'{column}': {error}", "write it in the type of the home's column"
        ) from error
    _check_past(column, found)
    return Watermark(column, text_of(found), str(found.type))


def _check_past(column: str, value: pa.Scalar) -> None:
    import pyarrow.compute as pc

    latest = tomorrow(value.type, datetime.now(UTC))
    if latest is not None and pc.greater(value, latest).as_py():
        raise _refused(
            f"{text_of(value)} for '{column}' is more than a day in the future: rows below it "
            "would never be moved",
            "write a time in the past",
        )


def _refused(what: str, hint: str | None) -> FlowError:
    return FlowError(what, hint=hint, code="HG553")


def publish(
    positions: list[Position], plan: Plan, listen: Callable[[Event], None]
) -> tuple[Outcome, ...]:
    """Write the commit of each position; `listen` receives the events of a run."""
    started, run_id = time.monotonic(), secrets.token_hex(8)
    names = tuple((one.move.flow, one.move.entity) for one in positions)
    now = datetime.now(UTC).isoformat()
    listen(RunStarted(run_id, names, now, env=plan.env, command="state"))
    outcomes = []
    for one in positions:
        listen(MoveStarted(run_id, one.move.flow, one.move.entity, 1))
        outcomes.append(_outcome(one, plan, run_id))
        listen(MoveFinished(run_id, outcomes[-1]))
    seconds, now = time.monotonic() - started, datetime.now(UTC).isoformat()
    listen(RunFinished(run_id, seconds, tuple(outcomes), now, env=plan.env))
    return tuple(outcomes)


def _outcome(one: Position, plan: Plan, run_id: str) -> Outcome:
    started, move = time.monotonic(), one.move
    outcome = replace(move.outcome(), mode=Mode.APPEND, attempts=1)
    try:
        with (
            move.lock(plan.context, run_id),
            _opened(move, plan, run_id) as target,
        ):
            seq = _commit(one, target, run_id)
        notes = (f"{BY_HAND}{one.summary} ({_who()})",)
        outcome = replace(outcome, result=Result.OK, seq=seq, notes=notes)
    except Exception as error:
        outcome = replace(outcome, failure=failure_of(error, move))
    return replace(outcome, seconds=time.monotonic() - started)


@contextmanager
def _opened(move: Move, plan: Plan, run_id: str) -> Iterator[Target]:
    # Only `hygge rename` opens a place of another flow: that of the old name.
    request = WriteRequest(
        adopt=True,
        flow=move.flow,
        entity=move.entity,
        into=move.into,
        run_id=run_id,
        attempt=1,
        mode=Mode.APPEND,
        keep_generations=move.settings.keep_generations,
    )
    with (
        blaming(StoreError, f"cannot write {move.into}"),
        move.store.store(plan.context).open(request) as target,
    ):
        try:
            yield target
        finally:
            target.discard()


def _commit(one: Position, target: Target, run_id: str) -> int:
    """Append no rows, with the new state; return the commit's number, also after a lost reply."""
    import pyarrow as pa

    last = target.last_commit()
    last = _still_newest(last, one)
    target.schema()  # raises where the place is gone
    commit = replace(
        last,
        flow=one.move.flow,
        entity=one.move.entity,
        seq=last.seq + 1,
        run_id=run_id,
        mode=Mode.APPEND,
        rows=0,
        committed_at=datetime.now(UTC).isoformat(),
        watermark=one.new,
        positions=one.positions,
        undoes=None,
        receipt=None,
    )
    nothing = pa.RecordBatchReader.from_batches(commit.schema, [])
    part = target.stage(nothing, Split(0, "no rows"))
    try:
        target.commit([part], commit)
    except (HyggeError, OSError) as error:
        if target.owner(commit.seq) != run_id:
            raise error
    return commit.seq


def _still_newest(last: Commit | None, one: Position) -> Commit:
    if last is None or last.seq != one.last.seq:
        raise FlowError(
            "another move was published meanwhile; nothing was set",
            hint="check it again with  hygge state show FLOW",
            code="HG514",
        )
    return last


def _who() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"user {os.getuid()}"
    return f"{name}@{socket.gethostname()}"
