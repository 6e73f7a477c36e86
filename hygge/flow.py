"""One move, from its home to its store: stage, prove, publish, then remember.

    1 open target   2 open source   3 agree   4 stage   5 prove   6 commit   7 remember

`run_move` retries steps 1–6 as a whole and turns whatever happens into an `Outcome`; the
coordinator remembers it. Nothing here knows a connector.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from hygge.connector import ReadRequest, Source, Target, WriteRequest
from hygge.contract import agree
from hygge.errors import (
    Cancelled,
    CommitUnknownError,
    FlowError,
    HomeError,
    HyggeError,
    LateTypeError,
    StoreError,
)
from hygge.locks import move_lock
from hygge.logs import context
from hygge.model import (
    Commit,
    Failure,
    Mode,
    MoveRetried,
    MoveStarted,
    Outcome,
    Part,
    Result,
)
from hygge.plan import Move
from hygge.retry import attempts
from hygge.shape import Shape
from hygge.staging import Progress, RunScope, Staging, blaming
from hygge.stop import Watch

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Published:
    result: Result
    rows: int = 0
    bytes: int = 0
    seq: int | None = None
    notes: tuple[str, ...] = ()


def run_move(move: Move, scope: RunScope) -> Outcome:
    """Move one entity and say what became of it; no exception leaves this function."""
    started = time.monotonic()
    running = _Moving(move, scope)
    outcome = Outcome(
        flow=move.flow,
        entity=move.entity,
        into=move.into,
        home=move.home_name,
        store=move.store_name,
        mode=move.settings.mode,
        result=Result.FAILED,
    )
    try:
        with move_lock(scope.context.root, move.flow, move.entity, scope.run_id):
            published = running.run()
        outcome = replace(
            outcome,
            result=published.result,
            rows=published.rows,
            bytes=published.bytes,
            seq=published.seq,
            notes=published.notes,
        )
    except Exception as error:
        result = Result.CANCELLED if isinstance(error, Cancelled) else Result.FAILED
        outcome = replace(outcome, result=result, failure=failure_of(error, move.where))
    return replace(outcome, seconds=time.monotonic() - started, attempts=running.attempt)


def failure_of(error: Exception, where: str) -> Failure:
    """Return the failure that `error` stands for; what nobody raised on purpose is a bug."""
    if isinstance(error, HyggeError):
        message = "\n".join([error.message, *getattr(error, "__notes__", [])])
        return Failure(error.code, message, error.hint, where)
    trace = "".join(traceback.format_exception(error))
    return Failure(
        "HG590",
        f"internal error: {type(error).__name__}: {error}",
        "this is a bug in hygge; please report it with the report file",
        where,
        trace,
    )


class _Moving:
    """A move while it runs."""

    def __init__(self, move: Move, scope: RunScope) -> None:
        self.attempt = 0
        self._move = move
        self._scope = scope
        self._watch = Watch(scope.stop, move.settings.timeout)
        self._home = move.home.home(scope.context)
        self._store = move.store.store(scope.context)

    def run(self) -> _Published:
        """Run attempts until one publishes."""
        published = None
        for attempt in attempts(
            self._move.settings.retries,
            is_transient=self._is_transient,
            sleep=self._watch.sleep,
            on_retry=self._tell_retry,
        ):
            self.attempt += 1
            with attempt:
                published = self._run_attempt()
        if published is None:
            raise FlowError("no attempt was made")
        return published

    def _run_attempt(self) -> _Published:
        self._watch.check()
        move = self._move
        names = {"run": self._scope.run_id, "flow": move.flow, "entity": move.entity}
        with context(**names, attempt=self.attempt):
            try:
                return self._open_target(thorough=False)
            except LateTypeError as error:
                log.info("%s; reading again with types taken from the whole input", error.message)
                return self._open_target(thorough=True)

    def _open_target(self, *, thorough: bool) -> _Published:
        move, scope = self._move, self._scope
        request = WriteRequest(
            flow=move.flow,
            entity=move.entity,
            into=move.into,
            run_id=scope.run_id,
            attempt=self.attempt,
            mode=move.settings.mode,
            adopt=scope.adopt,
        )
        with (
            blaming(StoreError, f"cannot write {move.into}"),
            self._store.open(request) as target,
            _discarding(target),
        ):
            return self._open_source(target, thorough=thorough)

    def _open_source(self, target: Target, *, thorough: bool) -> _Published:
        move, scope = self._move, self._scope
        request = ReadRequest(move.entity, batch_bytes=scope.batch_bytes, thorough=thorough)
        with blaming(HomeError, f"cannot read {move.entity}"):
            opening = self._home.open(request)
            with opening as source:
                shape = Shape(
                    move.settings, source.schema, run_id=scope.run_id, loaded_at=scope.started_at
                )
                with blaming(StoreError, f"cannot write {move.into}"):
                    return self._fill(target, source, shape)

    def _fill(self, target: Target, source: Source, shape: Shape) -> _Published:
        move, settings = self._move, self._move.settings
        agreement = agree(shape.schema, target.schema(), settings.schema_contract, settings.mode)
        schema = target.accept(agreement.schema)
        parts, rows = self._stage(target, source, shape, schema)
        last = target.last_commit()
        kept = self._guard(rows, last)
        if kept is not None:
            return kept
        commit = Commit(
            flow=move.flow,
            entity=move.entity,
            seq=(last.seq if last else 0) + 1,
            run_id=self._scope.run_id,
            mode=settings.mode,
            rows=rows,
            total_rows=rows + (last.total_rows if last and settings.mode is Mode.APPEND else 0),
            schema=schema,
            committed_at=datetime.now(self._scope.started_at.tzinfo).isoformat(),
            watermark=source.upper,
        )
        self._watch.check()
        notes = [*agreement.notes, *self._commit(target, parts, commit)]
        size = sum(part.bytes for part in parts)
        return _Published(Result.OK, rows, size, commit.seq, tuple(notes))

    def _stage(
        self, target: Target, source: Source, shape: Shape, schema: pa.Schema
    ) -> tuple[list[Part], int]:
        move, scope = self._move, self._scope
        scope.emit(
            MoveStarted(scope.run_id, move.flow, move.entity, self.attempt, source.total_rows)
        )
        progress = Progress(scope, move, self.attempt, source.total_rows)
        staging = Staging(
            source=source,
            target=target,
            shape=shape,
            schema=schema,
            entity=move.entity,
            scope=scope,
            watch=self._watch,
            progress=progress,
        )
        wanted = move.settings.parallel
        workers = scope.splits if wanted == "auto" else wanted
        workers = workers if scope.limit is None else 1
        splits = source.splits(workers)
        parts = scope.engine(splits, staging.stage, workers)
        staging.prove(parts)
        return parts, progress.rows

    def _guard(self, rows: int, last: Commit | None) -> _Published | None:
        """Say what happens instead of a commit, or return None to go on."""
        settings = self._move.settings
        if last is None:
            return None
        if settings.mode is Mode.APPEND and rows == 0:
            return _Published(Result.OK, seq=last.seq, notes=("the home has no rows to append",))
        if settings.mode is not Mode.REPLACE or last.total_rows == 0:
            return None
        if rows == 0 and settings.on_empty != "replace":
            return self._guard_empty(last)
        shrunk = 1 - rows / last.total_rows
        if settings.max_shrink is not None and shrunk > settings.max_shrink:
            raise FlowError(
                f"{self._move.entity} would shrink from {last.total_rows:,} rows to {rows:,}, "
                f"more than max_shrink: {settings.max_shrink:.0%} allows; nothing was published",
                hint="look at the home; if this is right, raise max_shrink for one run",
                code="HG533",
            )
        return None

    def _guard_empty(self, last: Commit) -> _Published:
        found = f"the home has no rows of {self._move.entity}; the store has {last.total_rows:,}"
        if self._move.settings.on_empty == "fail":
            raise FlowError(
                f"{found}, and on_empty is fail; nothing was published",
                hint="look at the home, or set on_empty: replace if this is right",
                code="HG532",
            )
        note = f"{found} and keeps them (set on_empty: replace to empty it)"
        return _Published(Result.KEPT, seq=last.seq, notes=(note,))

    def _commit(self, target: Target, parts: Sequence[Part], commit: Commit) -> list[str]:
        """Publish, and return what a person should know about how that went."""
        try:
            target.commit(parts, commit)
        except CommitUnknownError as error:
            if target.owner(commit.seq) != commit.run_id:
                raise
            return [f"published, but: {error.message}"]
        return []

    def _is_transient(self, error: BaseException) -> bool:
        causes = [error, error.__cause__] if error.__cause__ else [error]
        if isinstance(error, HomeError):
            return any(self._home.is_transient(cause) for cause in causes)
        if isinstance(error, StoreError):
            return any(self._store.is_transient(cause) for cause in causes)
        return False

    def _tell_retry(self, attempt: int, error: BaseException, wait: float) -> None:
        move = self._move
        self._scope.emit(
            MoveRetried(self._scope.run_id, move.flow, move.entity, attempt, str(error), wait)
        )


@contextmanager
def _discarding(target: Target) -> Iterator[None]:
    """Remove what was staged unless it was committed; an error there never hides the first one."""
    try:
        yield
    except BaseException as error:
        try:
            target.discard()
        except (HyggeError, OSError) as cleanup:
            error.add_note(f"and what was staged could not be removed: {cleanup}")
        raise
    target.discard()
