"""One move, from its home to its store: stage, prove, publish, then remember.

    1 open target   2 open source   3 agree   4 stage   5 prove   6 commit   7 remember

`run_move` retries steps 1–6 as a whole and turns whatever happens into an `Outcome`; the
coordinator remembers it. Nothing here knows a connector.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from hygge.backfill import clearing
from hygge.comparing import check_compared
from hygge.connector import Ability, ReadRequest, Source, Target, WriteRequest
from hygge.contract import agree, typed
from hygge.errors import (
    Cancelled,
    CommitUnknownError,
    FlowError,
    HomeError,
    HyggeError,
    LateTypeError,
    StoreError,
)
from hygge.guards import reason_to_keep
from hygge.history import Past, next_commit
from hygge.increment import Increment
from hygge.locks import move_lock
from hygge.logs import context
from hygge.model import (
    Changes,
    Commit,
    Failure,
    MovePublishing,
    MoveRetried,
    MoveStarted,
    Outcome,
    Part,
    Receipt,
    Result,
    Span,
    Watermark,
)
from hygge.pinned import check_pinned
from hygge.plan import Move
from hygge.plurals import plural
from hygge.promises import check_promise
from hygge.retry import attempts
from hygge.shape import Shape, stored_dedupe, stored_key
from hygge.sifting import Sieve
from hygge.staging import Progress, RunScope, Staging, blaming, discarding
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
    receipt: Receipt | None = None
    changes: Changes | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """An open source, and what becomes of its rows."""

    request: WriteRequest
    source: Source
    shape: Shape
    past: Past
    increment: Increment | None

    def notes(self) -> tuple[str, ...]:
        seen = () if self.increment is None else self.increment.notes()
        return (*seen, *self.past.notes(self.source.ledger), *self.source.notes())

    def watermark(self) -> Watermark | None:
        return None if self.increment is None else self.increment.watermark()

    def is_known(self, last: Commit | None) -> bool:
        """Return whether a commit would tell no more of what was moved than the last one does."""
        ledger = self.source.ledger or {}
        return last is not None and (last.watermark, last.ledger) == (self.watermark(), ledger)


def run_move(move: Move, scope: RunScope) -> Outcome:
    """Move one entity and say what became of it; no exception leaves this function."""
    started = time.monotonic()
    running: _Moving | None = None
    outcome = move.outcome()
    try:
        with move_lock(scope.context.root, move.flow, move.entity, scope.run_id):
            running = _Moving(move, scope)
            published = running.run()
        outcome = replace(
            outcome,
            result=published.result,
            rows=published.rows,
            bytes=published.bytes,
            seq=published.seq,
            notes=published.notes,
            receipt=published.receipt,
            **(asdict(published.changes) if published.changes else {}),
        )
    except BaseException as error:
        # A driver's panic is no Exception; in a thread nobody would ever hear of it.
        result = Result.CANCELLED if isinstance(error, Cancelled) else Result.FAILED
        outcome = replace(outcome, result=result, failure=failure_of(error, move.where))
    attempts_made = 0 if running is None else running.attempt
    return replace(outcome, seconds=time.monotonic() - started, attempts=attempts_made)


def failure_of(error: BaseException, where: str) -> Failure:
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
        self._published: _Published | None = None

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
                return self._open_twice()
            except BaseException as error:
                if self._published is None:
                    raise
                # The rows have landed: no error may hide that, or be a reason to move them again.
                log.warning("after the commit of %s: %s", move.into, error)
                notes = (*self._published.notes, f"published, but afterwards: {error}")
                return replace(self._published, notes=notes)

    def _open_twice(self) -> _Published:
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
            buffer_bytes=scope.buffer_bytes // self._workers,
            commit_bytes=scope.commit_bytes,
            go_on=self._watch.check,
            primary_key=stored_key(move.settings),
            dedupe_by=stored_dedupe(move.settings),
            delete_missing=move.settings.delete_missing,
            max_shrink=move.settings.max_shrink,
            keep_generations=move.settings.keep_generations,
            clears=self._clears(),
        )
        with (
            blaming(StoreError, f"cannot write {move.into}"),
            self._store.open(request) as target,
            discarding(target),
        ):
            _log_target(move, target.last_commit())
            return self._landed(target) or self._open_source(target, request, thorough=thorough)

    def _clears(self) -> Span | None:
        if self._scope.again is None:
            return None
        last = self._store.last_commit(self._move.into)
        return clearing(self._move.settings, self._scope.again, last)

    @property
    def _workers(self) -> int:
        """How many splits are staged at once; with a limit one, so that it counts rows in order."""
        wanted = self._move.settings.parallel
        if self._scope.limit is not None:
            return 1
        return self._scope.splits if wanted == "auto" else wanted

    def _landed(self, target: Target) -> _Published | None:
        """Return what an earlier attempt of this run published, though its answer was lost."""
        last = target.last_commit()
        if last is None or last.run_id != self._scope.run_id:
            return None
        note = "an earlier attempt had published it, though its answer was lost"
        return _Published(Result.OK, last.rows, seq=last.seq, notes=(note,), receipt=last.receipt)

    def _open_source(self, target: Target, request: WriteRequest, *, thorough: bool) -> _Published:
        move, scope = self._move, self._scope
        with blaming(HomeError, f"cannot read {move.entity}"):
            last = target.last_commit()
            past = Past.of(move.settings, last)
            opening = self._home.open(self._request(target, past, thorough=thorough))
            with opening as source:
                _log_source(move, source)
                if last is not None and past.knows(source.ledger):
                    return _Published(Result.OK, seq=last.seq, notes=("nothing new",))
                again = past.again(source.ledger)
                check_promise(move.settings, limit=scope.limit, again=again)
                is_part = bool(past.moved)
                check_pinned(source.schema, move.pinned, move.flow, is_part=is_part)
                shape = Shape(
                    move.settings,
                    source.schema,
                    run_id=scope.run_id,
                    loaded_at=scope.started_at,
                    salt=scope.salt,
                    filters=Ability.WHERE not in move.home.can,
                )
                increment = past.increment(shape, source.schema, scope.started_at, scope.again)
                if shape.sources:  # rows without any column could not be counted by their bytes
                    source.narrow([*shape.sources, *past.columns])
                if increment is not None:
                    _take_range(source, increment, is_limited=scope.limit is not None)
                with blaming(StoreError, f"cannot write {move.into}"):
                    return self._fill(target, _Read(request, source, shape, past, increment))

    def _request(self, target: Target, past: Past, *, thorough: bool) -> ReadRequest:
        return replace(
            self._move.bounded_request(target.schema),
            batch_bytes=self._scope.batch_bytes,
            thorough=thorough,
            snapshot=self._scope.snapshots.of(self._move, self._home, self._watch.check),
            moved=past.moved,
        )

    def _fill(self, target: Target, read: _Read) -> _Published:
        settings = self._move.settings
        held = target.schema()
        offered = target.accept(typed(read.shape.schema, held))
        agreement = agree(offered, held, settings.schema_contract, settings.mode)
        schema = target.accept(agreement.schema)
        target.keep(agreement.gone)
        log.debug("%s is written with the columns: %s", self._move.into, _columns(schema))
        check_compared(settings, schema, self._move.store, clears=read.request.clears)
        root, request = self._scope.context.root, read.request
        with Sieve(settings, read.shape, schema, root=root, request=request) as sieve:
            return self._publish(target, read, sieve, agreement.notes)

    def _publish(
        self, target: Target, read: _Read, sieve: Sieve, notes: tuple[str, ...]
    ) -> _Published:
        settings = self._move.settings
        parts, receipt = self._stage(target, read, sieve)
        rows = receipt.rows
        last = target.last_commit()
        seen = read.notes()
        kept = reason_to_keep(
            settings,
            read.request,
            rows,
            last,
            is_news=sieve.put_aside > 0 and not read.is_known(last),
            again=self._scope.again,
        )
        if kept is not None:
            notes = (kept.note, *seen, *sieve.finish())
            return _Published(kept.result, seq=last.seq if last else None, notes=notes)
        seen = (*seen, *sieve.judge(target, self._scope.started_at))
        commit = next_commit(
            read.request,
            last,
            receipt=receipt,
            schema=sieve.schema,
            at=datetime.now(self._scope.started_at.tzinfo),
            watermark=read.watermark(),
            ledger=read.source.ledger or {},
        )
        notes = (*notes, *seen, *self._commit(target, parts, commit))
        if rows == self._scope.limit:
            notes = (*notes, f"moved the first {plural(rows, 'row')} only, as the limit asks")
        size = sum(part.bytes for part in parts)
        self._published = _Published(
            Result.OK, rows, size, commit.seq, notes, receipt, target.changes
        )
        return self._published

    def _stage(self, target: Target, read: _Read, sieve: Sieve) -> tuple[list[Part], Receipt]:
        move, scope = self._move, self._scope
        scope.emit(
            MoveStarted(scope.run_id, move.flow, move.entity, self.attempt, read.source.total_rows)
        )
        progress = Progress(scope, move, self.attempt, read.source.total_rows)
        staging = Staging(
            source=read.source,
            target=target,
            sieve=sieve,
            entity=move.entity,
            scope=scope,
            watch=self._watch,
            progress=progress,
            increment=read.increment,
        )
        with blaming(HomeError, f"cannot read {move.entity}"):
            splits = read.source.splits(self._workers)
        log.info("reading %s, %d at once", plural(len(splits), "split"), self._workers)
        parts = scope.engine(splits, staging.stage, self._workers)
        receipt = staging.prove(parts)
        log.info(
            "staged and proved %s in %s", plural(receipt.rows, "row"), plural(len(parts), "part")
        )
        return parts, receipt

    def _commit(self, target: Target, parts: Sequence[Part], commit: Commit) -> tuple[str, ...]:
        """Publish, and return what a person should know about how that went."""
        with self._scope.commit_of(self._move):
            self._watch.check()
            self._scope.emit(
                MovePublishing(self._scope.run_id, self._move.flow, self._move.entity, self.attempt)
            )
            try:
                target.commit(parts, commit)
            except Exception as error:
                self._find_out(target, commit, error)
                return (f"published, but: {error}",)
        log.info("published commit %d, watermark %s", commit.seq, _shown(commit.watermark))
        return ()

    def _find_out(self, target: Target, commit: Commit, error: Exception) -> None:
        """Raise unless the commit that ended in `error` landed all the same."""
        try:
            owner = target.owner(commit.seq)
        except (HyggeError, OSError) as problem:
            error.add_note(f"and the store cannot say whether it has the commit: {problem}")
            owner = None
        if owner == commit.run_id:
            return
        if owner is not None and isinstance(error, CommitUnknownError):
            raise StoreError(
                f"commit {commit.seq} of {self._move.into} belongs to run {owner}; "
                "nothing was published here",
                hint="start this run again; it begins from the newest commit",
                code="HG514",
            ) from error
        raise error

    def _is_transient(self, error: BaseException) -> bool:
        causes = [error, error.__cause__] if error.__cause__ else [error]
        if isinstance(error, HomeError):
            return any(self._home.is_transient(cause) for cause in causes)
        if isinstance(error, StoreError):
            return any(self._store.is_transient(cause) for cause in causes)
        return False

    def _tell_retry(self, attempt: int, error: BaseException, wait: float) -> None:
        move = self._move
        # The frames of what failed still hold batches, and the wait may be long.
        traceback.clear_frames(error.__traceback__)
        self._scope.emit(
            MoveRetried(self._scope.run_id, move.flow, move.entity, attempt, str(error), wait)
        )


def _take_range(source: Source, increment: Increment, *, is_limited: bool) -> None:
    """Have the home leave out what it can, and hear up to where it lacks no row."""
    if is_limited:
        increment.cut_short()
    source.within(increment.span)
    increment.until(source.upper)


def _log_target(move: Move, last: Commit | None) -> None:
    if last is None:
        log.info("opened %s in store %s: nothing was published there", move.into, move.store_name)
        return
    log.info(
        "opened %s in store %s: commit %d of %s by run %s, watermark %s",
        move.into,
        move.store_name,
        last.seq,
        last.committed_at,
        last.run_id,
        _shown(last.watermark),
    )


def _log_source(move: Move, source: Source) -> None:
    rows = "unknown" if source.total_rows is None else f"{source.total_rows:,}"
    log.info(
        "opened %s in home %s: %s, number of rows %s",
        move.entity,
        move.home_name,
        plural(len(source.schema), "column"),
        rows,
    )
    log.debug("%s has the columns: %s", move.entity, _columns(source.schema))


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)


def _shown(watermark: Watermark | None) -> str:
    return "none" if watermark is None else f"{watermark.column} = {watermark.value}"
