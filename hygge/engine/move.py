"""One move, from its home to its store: stage, prove, publish, then remember.

    1 open target   2 open source   3 agree   4 stage   5 prove   6 commit   7 remember

`run_move` retries steps 1–6 as a whole and returns an `Outcome` in every case; the coordinator
remembers it. Nothing here depends on a connector.
"""

from __future__ import annotations

import logging
import re
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from shlex import quote
from typing import TYPE_CHECKING

from hygge.connector import ReadRequest, Source, Target, WriteRequest
from hygge.engine.plan import Move, Unplanned
from hygge.engine.preparation import Prepared, Terms, aim, prepare, settle, terms_of
from hygge.engine.retry import attempts
from hygge.engine.staging import Progress, RunScope, Staging, blaming, discarding
from hygge.errors import (
    Cancelled,
    CommitUnknownError,
    FlowError,
    HomeError,
    HyggeError,
    LateTypeError,
    StoreError,
    TimeoutExceeded,
)
from hygge.incremental.backfill import clearing
from hygge.incremental.guards import reason_to_keep, shrinkage
from hygge.incremental.resume_point import ResumePoint, mask_notes, newly_masked, next_commit
from hygge.runtime.system import SystemRefusalError
from hygge.settings.move import MoveSettings
from hygge.transform.shape import stored_masks
from hygge.transform.sieve import Sieve
from hygge.values.log_context import context
from hygge.values.model import (
    WARNING,
    Changes,
    Commit,
    Failure,
    Mode,
    MovePublishing,
    MoveRetried,
    MoveStarted,
    Outcome,
    Part,
    Purpose,
    Receipt,
    Result,
    Span,
    Watermark,
)
from hygge.values.plurals import plural
from hygge.values.stop import Watch

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_NAMES = re.compile(r"(?<!\w)(hygge (?:[a-z]+ ){1,2})(FLOW|HOME)\b")


@dataclass(frozen=True, slots=True)
class _Published:
    result: Result
    rows: int = 0
    bytes: int = 0
    seq: int | None = None
    notes: tuple[str, ...] = ()
    receipt: Receipt | None = None
    changes: Changes | None = None
    rows_before: int | None = None
    commit: Commit | None = None
    """The commit that covers what was read; None when nothing was published."""


def run_move(move: Move, scope: RunScope) -> Outcome:
    """Move one entity and return its outcome; raises nothing."""
    started = time.monotonic()
    running: _Moving | None = None
    outcome = move.outcome()
    try:
        with move.lock(scope.context, scope.run_id):
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
            rows_before=published.rows_before,
            **(asdict(published.changes) if published.changes else {}),
        )
    except BaseException as error:
        # A driver's panic is no Exception; in a thread it would be lost.
        result = Result.CANCELLED if isinstance(error, Cancelled) else Result.FAILED
        if running is not None and isinstance(error, Cancelled | TimeoutExceeded):
            running.explain(error)
        outcome = replace(outcome, result=result, failure=failure_of(error, move))
    attempts_made = 0 if running is None else running.attempt
    return replace(outcome, seconds=time.monotonic() - started, attempts=attempts_made)


def failure_of(error: BaseException, of: Move | Unplanned) -> Failure:
    """Return the failure for `error`; an unexpected exception is a bug."""
    if isinstance(error, HyggeError):
        message = "\n".join([error.message, *getattr(error, "__notes__", [])])
        return Failure(error.code, message, _named(error.hint, of), of.where)
    if isinstance(error, OSError) and error.errno:
        return failure_of(SystemRefusalError.of(error), of)
    trace = "".join(traceback.format_exception(error))
    return Failure(
        "HG590",
        f"internal error: {type(error).__name__}: {error}",
        "this is a bug in hygge; please report it with the report file",
        of.where,
        trace,
    )


@contextmanager
def naming(of: Move) -> Iterator[None]:
    """Replace FLOW and HOME in a hint by the names of a move."""
    try:
        yield
    except HyggeError as error:
        error.hint = _named(error.hint, of)
        raise


def _named(hint: str | None, of: Move | Unplanned) -> str | None:
    """Return a hint with names that were unknown where it was raised."""
    names = {"FLOW": of.flow, "HOME": of.home_name}
    return None if hint is None else _NAMES.sub(lambda at: at[1] + quote(names[at[2]]), hint)


def _masked_everywhere(settings: MoveSettings, plain: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns that are masked in every row, without those with `plain` values."""
    is_whole = settings.mode is Mode.REPLACE
    return tuple(name for name in stored_masks(settings) if is_whole or name not in plain)


class _Moving:
    """A running move."""

    def __init__(self, move: Move, scope: RunScope) -> None:
        self.attempt = 0
        self._move = move
        self._scope = scope
        self._watch = Watch(scope.stop, move.settings.timeout)
        self._home = move.home.home(scope.context)
        self._store = move.store.store(scope.context)
        self._published: _Published | None = None
        self._asked = ReadRequest(move.entity)
        self._retried: str | None = None
        """Why the last attempt failed, while the next one is waited for."""

    def explain(self, error: HyggeError) -> None:
        """Add the last attempt's error to one that ends the wait for a retry."""
        if self._retried is not None:
            error.add_note(f"attempt {self.attempt} failed: {self._retried}")

    def run(self) -> _Published:
        """Run attempts until one publishes."""
        published = None
        for attempt in attempts(
            self._move.settings.retries,
            seconds=self._move.settings.retry_for,
            retry_after=self._retry_after,
            sleep=self._watch.sleep,
            on_retry=self._tell_retry,
        ):
            self.attempt += 1
            self._retried = None
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
                # The rows were published: no later error may hide that or cause a retry.
                log.warning("after the commit of %s: %s", move.into, error)
                notes = (*self._published.notes, f"published, but then: {error}")
                return replace(self._published, notes=notes)

    def _open_twice(self) -> _Published:
        try:
            return self._open_target(thorough=False)
        except LateTypeError as error:
            log.info("%s; reading again with types inferred from the whole input", error.message)
        return self._open_target(thorough=True)

    def _open_target(self, *, thorough: bool) -> _Published:
        move, scope = self._move, self._scope
        request = replace(
            move.write_request(scope.run_id, attempt=self.attempt, adopt=scope.adopt),
            buffer_bytes=scope.buffer_bytes // self._workers,
            commit_bytes=scope.commit_bytes,
            go_on=self._watch.check,
            clears=self._clears(),
            keep_generations=self._keeps(),
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
    def _max_value_bytes(self) -> int:
        return self._move.settings.max_value_bytes or self._scope.max_value_bytes

    def _keeps(self) -> int:
        """Return how many commits `undo` can go back; none resume a new mask."""
        settings = self._move.settings
        if settings.mode is Mode.REPLACE and stored_masks(settings):
            with blaming(StoreError, f"cannot write {self._move.into}"):
                last = self._store.last_commit(self._move.into)
            if newly_masked(settings, last):
                return 0
        return settings.keep_generations

    @property
    def _terms(self) -> Terms:
        scope = self._scope
        return terms_of(
            self._move,
            run_id=scope.run_id,
            now=scope.started_at,
            salt=scope.salt,
            limit=scope.limit,
            again=scope.again,
        )

    @property
    def _workers(self) -> int:
        """Number of splits staged at once; one with a limit, which counts rows in order."""
        wanted = self._move.settings.parallel
        if self._scope.limit is not None:
            return 1
        return self._scope.splits if wanted == "auto" else wanted

    def _landed(self, target: Target) -> _Published | None:
        """Return what an earlier attempt of this run published although its reply was lost."""
        last = target.last_commit()
        if last is None or last.run_id != self._scope.run_id:
            return None
        note = "an earlier attempt had published it, but its confirmation was lost"
        return _Published(Result.OK, last.rows, seq=last.seq, notes=(note,), receipt=last.receipt)

    def _open_source(self, target: Target, request: WriteRequest, *, thorough: bool) -> _Published:
        move = self._move
        with blaming(HomeError, f"cannot read {move.entity}"):
            last = target.last_commit()
            resume = ResumePoint.of(move.settings, last, fills=move.fills)
            asked = self._asked = self._request(target, resume, thorough=thorough)
            with self._home.open(asked) as source:
                _log_source(move, source)
                try:
                    published = self._move_rows(source, resume, target, request)
                except BaseException as error:
                    landed = None if self._published is None else self._published.commit
                    for note in self._settle(source, landed):
                        error.add_note(note)
                    raise
                lost = (f"{WARNING}{note}" for note in self._settle(source, published.commit))
                return replace(published, notes=(*published.notes, *lost))

    def _settle(self, source: Source, commit: Commit | None) -> Iterator[str]:
        """Tell a source how its move ended; yield what a person should know when that failed."""
        if self._asked.purpose is not Purpose.MOVE:
            return
        try:
            source.settle(commit)
        except Exception as error:
            how = "was not published" if commit is None else f"was published by commit {commit.seq}"
            yield f"the home could not be informed that its data {how}: {error}"

    def _move_rows(
        self, source: Source, resume: ResumePoint, target: Target, request: WriteRequest
    ) -> _Published:
        move, last = self._move, target.last_commit()
        if source.is_exhausted or (last is not None and resume.knows(source.positions)):
            seq = None if last is None else last.seq
            return _Published(Result.OK, seq=seq, notes=("nothing new",), commit=last)
        prepared = prepare(move, source, resume, last, self._terms)
        aim(prepared)
        if prepared.increment is not None:
            prepared.increment.until(source.upper)
        with blaming(StoreError, f"cannot write {move.into}"):
            return self._fill(target, request, prepared)

    def _request(self, target: Target, resume: ResumePoint, *, thorough: bool) -> ReadRequest:
        is_whole = self._scope.limit is None and not self._move.is_scratch
        return replace(
            self._move.bounded_request(target.schema),
            # What lands in part, or for a try, must come again.
            purpose=Purpose.MOVE if is_whole else Purpose.LOOK,
            batch_bytes=self._scope.batch_bytes,
            max_value_bytes=self._max_value_bytes,
            thorough=thorough,
            snapshot=self._scope.snapshots.of(self._move, self._home, self._watch.check),
            positions=resume.positions,
            after=resume.after if self._scope.again is None and not self._move.fills else None,
            go_on=self._watch.check,
        )

    def _fill(self, target: Target, request: WriteRequest, prepared: Prepared) -> _Published:
        settings, root = self._move.settings, self._scope.context.root
        agreement = settle(target, prepared, self._terms, request)
        schema = agreement.schema
        target.keep_columns(agreement.kept)
        log.debug("%s has the columns in the store: %s", self._move.into, _columns(schema))
        with Sieve(settings, prepared.shape, schema, root=root, request=request) as sieve:
            prepared.source.put_aside = sieve.put_line_aside
            return self._publish(target, request, prepared, sieve=sieve, notes=agreement.notes)

    def _publish(
        self,
        target: Target,
        request: WriteRequest,
        prepared: Prepared,
        *,
        sieve: Sieve,
        notes: tuple[str, ...],
    ) -> _Published:
        settings = self._move.settings
        parts, receipt = self._stage(target, prepared, sieve)
        rows = receipt.rows
        last = target.last_commit()
        seen = prepared.notes()
        kept = reason_to_keep(
            settings,
            request,
            rows,
            last,
            is_news=_is_of_another(last, self._move)
            or ((sieve.put_aside > 0 or self._move.accepts) and not prepared.is_known()),
            again=self._terms.again,
        )
        if kept is not None:
            notes = (kept.note, *seen, *sieve.finish())
            return _Published(kept.result, seq=last.seq if last else None, notes=notes)
        plain = newly_masked(settings, last)
        seen = (*seen, *sieve.judge(target, self._scope.started_at))
        seen = (*seen, *mask_notes(request, plain))
        commit = next_commit(
            request,
            last,
            receipt=receipt,
            schema=sieve.schema,
            at=datetime.now(self._scope.started_at.tzinfo),
            watermark=prepared.watermark(),
            positions=prepared.source.positions or {},
            shape=prepared.shape.record,
            masked=_masked_everywhere(settings, plain),
        )
        notes = (*notes, *seen, *self._commit(target, parts, commit))
        notes = (*notes, *self._taken_over(last), *self._what_changed(rows, last))
        size = sum(part.bytes for part in parts)
        before = last.total_rows if last and settings.mode is Mode.REPLACE else None
        self._published = _Published(
            Result.OK,
            rows,
            size,
            commit.seq,
            notes,
            receipt,
            target.changes,
            before,
            commit,
        )
        return self._published

    def _taken_over(self, last: Commit | None) -> Iterator[str]:
        """Yield a note on the state of a flow that took over another one's place."""
        if last is not None and last.flow != self._move.flow:
            mark = last.watermark
            on = "" if mark is None else f", and continues from {mark.column} = {mark.value}"
            yield f"took over the rows that flow '{last.flow}' moved{on}"

    def _what_changed(self, rows: int, last: Commit | None) -> Iterator[str]:
        """Yield notes on the place after `rows` rows were published."""
        move = self._move
        if rows == self._scope.limit:
            yield f"moved only the first {plural(rows, 'row')} (--limit)"
        if move.is_scratch:
            yield f"the rows are in the scratch table {move.into} of store {move.store_name}"
            return
        only = "" if move.entity == move.flow else f" --entity {move.entity}"
        undo = f"hygge undo {move.flow}{only}"
        shrunk = shrinkage(move.settings, rows, last, undo=undo, where=move.where)
        if shrunk is not None:
            yield shrunk

    def _stage(
        self, target: Target, prepared: Prepared, sieve: Sieve
    ) -> tuple[list[Part], Receipt]:
        move, scope, source = self._move, self._scope, prepared.source
        scope.emit(
            MoveStarted(scope.run_id, move.flow, move.entity, self.attempt, source.total_rows)
        )
        with blaming(HomeError, f"cannot read {move.entity}"):
            splits = source.splits(self._workers)
            reader = source.reader()
        progress = Progress(scope, move, self.attempt, source)
        staging = Staging(
            source=source,
            reader=reader,
            writer=target.writer(sieve.schema),
            sieve=sieve,
            entity=move.entity,
            request=self._asked,
            scope=scope,
            watch=self._watch,
            progress=progress,
            increment=prepared.increment,
        )
        log.info("reading %s, %d at once", plural(len(splits), "split"), self._workers)
        parts = scope.engine(splits, staging.stage, self._workers)
        for part in parts:
            target.receive(part)
        receipt = staging.prove(parts)
        log.info(
            "staged and verified %s in %s", plural(receipt.rows, "row"), plural(len(parts), "part")
        )
        return parts, receipt

    def _commit(self, target: Target, parts: Sequence[Part], commit: Commit) -> tuple[str, ...]:
        """Publish, and return the notes."""
        with self._scope.commit_of(self._move):
            self._watch.check()
            self._scope.emit(
                MovePublishing(self._scope.run_id, self._move.flow, self._move.entity, self.attempt)
            )
            try:
                target.commit(parts, commit)
            except Exception as error:
                self._find_out(target, commit, error)
                return (f"published, but then: {error}",)
        log.info("published commit %d, watermark %s", commit.seq, _shown(commit.watermark))
        return ()

    def _find_out(self, target: Target, commit: Commit, error: Exception) -> None:
        """Raise unless the commit that ended in `error` was published nevertheless."""
        try:
            owner = target.owner(commit.seq)
        except (HyggeError, OSError) as problem:
            error.add_note(f"and it is unknown whether the store has the commit: {problem}")
            owner = None
        if owner == commit.run_id:
            return
        if owner is not None and isinstance(error, CommitUnknownError):
            raise StoreError(
                f"commit {commit.seq} of {self._move.into} belongs to run {owner}; "
                "nothing was published here",
                hint="start this run again; it continues from the newest commit",
                code="HG514",
            ) from error
        raise error

    def _retry_after(self, error: BaseException) -> float | None:
        """Return the seconds after which a retry may help; None for a lasting error."""
        if isinstance(error, HomeError):
            retry_after = self._home.retry_after
        elif isinstance(error, StoreError):
            retry_after = self._store.retry_after
        else:
            return None
        causes = [error, error.__cause__] if error.__cause__ else [error]
        seconds = [retry_after(cause) for cause in causes]
        return max((one for one in seconds if one is not None), default=None)

    def _tell_retry(self, attempt: int, error: BaseException, wait: float, left: float) -> None:
        move, self._retried = self._move, str(error)
        # The traceback's frames still hold batches, and the wait may be long.
        traceback.clear_frames(error.__traceback__)
        self._scope.emit(
            MoveRetried(self._scope.run_id, move.flow, move.entity, attempt, str(error), wait, left)
        )


def _is_of_another(last: Commit | None, move: Move) -> bool:
    """Return whether the last commit of an adopted place is another flow's."""
    return last is not None and last.flow != move.flow


def _log_target(move: Move, last: Commit | None) -> None:
    if last is None:
        log.info("opened %s in store %s: no commit yet", move.into, move.store_name)
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
        "opened %s in home %s: %s, %s rows",
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
