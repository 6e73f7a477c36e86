"""Complete comparison of a home with its store, independent of row order and size.

    count and sum   both sides are read once: rows, checksums of columns and of groups of rows
    narrow down     only where groups differ: the rows of these groups, by hashes of 16 bytes show
    the few rows to report are read with all their values

So memory is bounded, and equal data is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hygge.connector import Ability, HomeConfig, ProjectContext, ReadRequest, Source
from hygge.engine.move import failure_of
from hygge.engine.plan import Move
from hygge.engine.staging import blaming
from hygge.errors import FlowError, HomeError, LateTypeError, StoreError
from hygge.operations.verify.finding import find_differences
from hygge.operations.verify.sides import OWN, HomeSide, Moved, StoreSide, comparable, staged
from hygge.operations.verify.tallies import Tally, differing_columns, differing_groups
from hygge.operations.verify.verdict import Verdict
from hygge.settings.move import FILES, POSITIONS
from hygge.transform.order_check import has_own_type
from hygge.transform.shape import Shape, stored_key, stored_name
from hygge.transform.sieve import Sieve
from hygge.types.ordering import order_of, type_of
from hygge.values.model import Commit, Mode

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

_BATCH_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Verifying:
    """The parameters of all comparisons of a command."""

    context: ProjectContext
    now: datetime
    salt: bytes | None = field(default=None, repr=False)
    """The key of masks by hash."""
    limit: int = 10
    """Maximum differing rows to report of each entity."""
    check: Callable[[], None] = lambda: None
    """Called for every batch; may raise to stop."""

    def verify(self, move: Move) -> Verdict:
        """Compare one entity; an error becomes a failure of the verdict."""
        verdict = Verdict(
            move.flow, move.entity, move.into, move.home_name, move.store_name, "failed"
        )
        try:
            commit, reader = self._published(move)
            verdict = replace(verdict, seq=commit.seq, committed_at=commit.committed_at)
            comparison = _Comparison(self, move, commit, reader)
            verdict = comparison.judge(verdict)
            if self._last_commit(move) != commit:
                raise FlowError(
                    "another move was published during the comparison",
                    hint="run it again",
                    code="HG552",
                )
        except Exception as error:
            return replace(verdict, state="failed", failure=failure_of(error, move))
        return verdict

    def _last_commit(self, move: Move) -> Commit | None:
        with blaming(StoreError, f"cannot inspect {move.into}"):
            return move.store.store(self.context).last_commit(move.into)

    def _published(self, move: Move) -> tuple[Commit, HomeConfig]:
        commit = self._last_commit(move)
        if commit is None:
            raise FlowError(
                f"nothing has been moved to {move.into} yet, so there is nothing to compare",
                hint=f"hygge go {move.flow}",
                code="HG552",
            )
        if commit.flow != move.flow:
            raise FlowError(
                f"{move.into} was written by flow '{commit.flow}', not by '{move.flow}'",
                hint=f"compare that flow:  hygge verify {commit.flow}",
                code="HG534",
            )
        reader = move.store.as_home(commit.schema)
        if reader is None:
            raise FlowError(
                f"stores of type {move.store.type} cannot be read, so they cannot be compared",
                code="HG552",
            )
        return commit, reader


@dataclass(frozen=True, slots=True)
class _Comparison:
    """The comparison of one entity."""

    verifying: Verifying
    move: Move
    commit: Commit
    reader: HomeConfig

    def judge(self, verdict: Verdict) -> Verdict:
        """Return the verdict."""
        try:
            return self._judge(verdict, thorough=False)
        except LateTypeError:
            return self._judge(verdict, thorough=True)

    def _judge(self, verdict: Verdict, *, thorough: bool) -> Verdict:
        with ExitStack() as stack:
            home = self._home_side(stack, thorough=thorough)
            store = self._store_side(stack, home, thorough=thorough)
            ours, theirs = self._tally(home, store)
            groups = differing_groups(ours, theirs)
            verdict = replace(
                verdict,
                state="different" if groups else "equal",
                home_rows=ours.rows,
                store_rows=theirs.rows,
                key=home.key,
                columns=tuple(home.schema.names),
                differing=differing_columns(ours, theirs),
                waiting=home.waiting,
                notes=tuple(self._notes(home, store.source)),
            )
            if not groups:
                return verdict
            with blaming(HomeError, f"cannot compare {self.move.into}"):
                found = find_differences(home, store, groups, self.verifying.limit)
            return replace(
                verdict,
                differences=found.shown,
                more=found.more,
                is_more_at_least=found.is_at_least,
            )

    def _home_side(self, stack: ExitStack, *, thorough: bool) -> HomeSide:
        move, settings, verifying = self.move, self.move.settings, self.verifying
        request = move.request(lambda: self.commit.schema)
        request = replace(request, batch_bytes=_BATCH_BYTES, thorough=thorough)
        source = self._open(stack, move.home, request)
        shape = Shape(
            settings,
            source.schema,
            run_id="verify",
            loaded_at=verifying.now,
            salt=verifying.salt,
            filters=Ability.WHERE not in move.home.can,
        )
        moved = Moved.of(settings, self.commit, source.schema, shape.masked)
        schema = comparable(shape, self.commit)
        if not schema.names:
            raise FlowError("home and store have no column in common", code="HG552")
        key = self._key(source, schema)
        source.narrow([*shape.sources, *([moved.column] if moved else [])])
        root = verifying.context.root
        sieve = Sieve(settings, shape, staged(shape, self.commit), root=root, request=None)
        return HomeSide(source, sieve, schema, key, moved, verifying.check)

    def _store_side(self, stack: ExitStack, home: HomeSide, *, thorough: bool) -> StoreSide:
        types = {field.name: "string" for field in home.schema if str(field.type) == "string"}
        request = ReadRequest(
            self.move.into, batch_bytes=_BATCH_BYTES, thorough=thorough, types=types
        )
        source = self._open(stack, self.reader, request)
        marks = self.move.settings.delete_missing == "soft"
        store = StoreSide(source, home.schema, home.key, marks, self.verifying.check)
        source.narrow(store.columns())
        return store

    def _open(self, stack: ExitStack, config: HomeConfig, request: ReadRequest) -> Source:
        with blaming(HomeError, f"cannot read {request.entity}"):
            return stack.enter_context(config.home(self.verifying.context).open(request))

    def _reading(self, *, home: bool) -> AbstractContextManager[None]:
        name = self.move.entity if home else f"{self.move.into} in {self.move.store_name}"
        return blaming(HomeError, f"cannot read {name}")

    def _key(self, source: Source, schema: pa.Schema) -> tuple[str, ...]:
        """Return the key columns: the flow's, the commit's or the home's."""
        settings = self.move.settings
        own = tuple(stored_name(name, settings) for name in source.primary_key)
        for key in (stored_key(settings), self.commit.primary_key, own):
            if key and all(name in schema.names for name in key):
                return key
        return ()

    def _tally(self, home: HomeSide, store: StoreSide) -> tuple[Tally, Tally]:
        import pyarrow as pa

        names = tuple(home.schema.names)
        ours, theirs = Tally(names), Tally(names)
        with self._reading(home=True):
            for numbered in home.rows():
                ours.add(numbered)
        if home.waiting_keys:
            store.waiting_keys = pa.concat_arrays(home.waiting_keys)
        with self._reading(home=False):
            for numbered in store.rows():
                theirs.add(numbered)
        return ours, theirs

    def _notes(self, home: HomeSide, store: Source) -> Iterator[str]:
        settings, compared = self.move.settings, home.schema.names
        new = [
            n for n in home.sieve.shape.schema.names if n not in compared and not n.startswith(OWN)
        ]
        if new:
            yield f"not compared, because they were never moved: {', '.join(new)}"
        known = self.commit.schema.names
        others = [n for n in known if n not in compared and not n.startswith(OWN)]
        if others:
            yield f"not compared, because the home does not have these columns: {', '.join(others)}"
        own = [f for f in home.schema if order_of(f) and not has_own_type(self.move.store, f)]
        if own:
            names = ", ".join(f"{field.name} ({type_of(field)})" for field in own)
            yield f"compared as text, because the store has them as text: {names}"
        if settings.incremental == FILES:
            yield "rows of files added after the last move are reported as missing"
        elif settings.incremental == POSITIONS:
            yield "messages that the home no longer has are reported as extra"
        elif settings.mode is Mode.APPEND and settings.incremental is not None:
            yield (
                "the flow appends: rows that changed after they were moved are reported as "
                "different"
            )
        elif settings.mode is Mode.APPEND:
            yield (
                "the flow appends all rows with each move: rows of earlier moves are reported as "
                "extra"
            )
