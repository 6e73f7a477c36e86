"""The plan of a run: one move for every selected entity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from hygge.connector import HomeConfig, ProjectContext, ReadRequest, StoreConfig, WriteRequest
from hygge.errors import ConfigError, HomeError, HyggeError, UsageError
from hygge.incremental.backfill import Ends
from hygge.runtime.locks import move_lock
from hygge.settings.move import Incremental, MoveSettings
from hygge.transform.held_types import held_types
from hygge.transform.shape import stored_dedupe, stored_key
from hygge.values.model import Ability, Failure, Manner, Mode, Outcome, Purpose, Result

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.project import EntitySpec, FlowOutline, FlowSpec, Project


SCRATCH = "_scratch"
"""Suffix of the names of scratch places."""


@dataclass(frozen=True, slots=True)
class Move:
    """The move of one entity from its home to its store. Can be pickled."""

    flow: str
    entity: str
    into: str
    home_name: str
    store_name: str
    home: HomeConfig
    store: StoreConfig
    settings: MoveSettings
    where: str
    """File and line of its flow, e.g. `flows/users.yml:1`."""
    shares_snapshot: bool = False
    """Whether all entities of the flow are read from one snapshot."""
    pinned: Mapping[str, str] | None = None
    """The columns in the flow's lock file; empty for an entity that it lacks."""
    fills: bool = False
    """Whether a merge moves every row of the home again."""
    accepts: bool = False
    """Whether rows that were moved before may stay in another shape."""
    siblings: frozenset[str] = frozenset()
    """Other entities of its home that flows name."""
    is_scratch: bool = False
    """Whether it writes to a scratch place instead of the flow's."""

    def outcome(self, result: Result = Result.FAILED, failure: Failure | None = None) -> Outcome:
        """Return an outcome of the move without rows."""
        return Outcome(
            flow=self.flow,
            entity=self.entity,
            into=self.into,
            home=self.home_name,
            store=self.store_name,
            mode=self.settings.mode,
            result=result,
            failure=failure,
        )

    def write_request(self, run_id: str, *, attempt: int = 1, adopt: bool = False) -> WriteRequest:
        """Return the request to the store, without limits of a run."""
        settings = self.settings
        return WriteRequest(
            flow=self.flow,
            entity=self.entity,
            into=self.into,
            run_id=run_id,
            attempt=attempt,
            mode=settings.mode,
            adopt=adopt,
            primary_key=stored_key(settings),
            dedupe_by=stored_dedupe(settings),
            delete_missing=settings.delete_missing,
            max_shrink=settings.max_shrink,
            keep_generations=settings.keep_generations,
        )

    starts_anew: bool = False
    """Whether types are inferred from the home's values, ignoring the store's types."""

    @property
    def name(self) -> str:
        """Name for messages."""
        return f"{self.flow} ({self.entity})"

    def place(self, context: ProjectContext) -> str:
        """Return a unique name of its place."""
        places = self.store.places(context, self.into)
        return "\n".join(places) or f"{self.store!r}/{self.into}"

    def lock(self, context: ProjectContext, run_id: str) -> AbstractContextManager[None]:
        """Lock its place against other moves; see `move_lock`."""
        return move_lock(context.root, self.place(context), self.name, run_id)

    def request(self, held: Callable[[], pa.Schema | None] = lambda: None) -> ReadRequest:
        """Return the request of a look at the home, ignoring earlier moves.

        `held` returns the columns of the store; it is called only by a home that infers types.
        """
        settings = self.settings
        known = (lambda: None) if self.starts_anew else held
        return ReadRequest(
            self.entity,
            siblings=self.siblings,
            query=settings.query,
            where=settings.where if Ability.WHERE in self.home.can else None,
            types={name: one.type for name, one in settings.columns.items() if one.type},
            held=held_types(settings, self.pinned, known),
            quarantines=settings.on_bad_row == "quarantine",
        )

    def bounded_request(
        self,
        held: Callable[[], pa.Schema | None] = lambda: None,
        purpose: Purpose = Purpose.MOVE,
    ) -> ReadRequest:
        """Return the request of a move, with the upper bound of the watermark."""
        wanted = self.settings.incremental
        request = replace(self.request(held), purpose=purpose)
        if not isinstance(wanted, Incremental):
            return request
        is_back = wanted.lookback is not None
        exact = self.settings.guarantee == "exactly-once"
        return replace(request, watermark=wanted.column, reads_back=is_back, exact=exact)


@dataclass(frozen=True, slots=True)
class Unplanned:
    """An entity pattern that its home could not resolve."""

    flow: str
    pattern: str
    home_name: str
    store_name: str
    mode: Mode
    where: str
    error: HyggeError


@dataclass(frozen=True, slots=True)
class Plan:
    """Every move of a run, and the order from `after:`."""

    context: ProjectContext
    moves: tuple[Move, ...]
    unplanned: tuple[Unplanned, ...] = ()
    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By flow: the selected flows that must have succeeded before it starts."""
    concurrency: int = 4
    memory_limit: int = 10**9
    adopt: bool = False
    """Whether stores may adopt places with data that hygge did not write."""
    limit: int | None = None
    """Maximum rows of each entity, to try out a flow."""
    salt: bytes | None = field(default=None, repr=False)
    """The key of masks by hash."""
    again: Ends | None = None
    """Range of the watermark columns to move again instead of new rows."""
    backfill: bool = False
    """Whether merges move every row of their homes again."""
    accepts: bool = False
    """Whether rows that were moved in another shape are kept unchanged."""
    full_refresh: bool = False
    """Whether every move replaces what its store holds, whatever its mode."""
    into_scratch: bool = False
    """Whether every move writes to a scratch place."""
    env: str | None = None
    """The environment whose overlay the moves were made with."""
    is_partial: bool = False
    """Whether entities of the selected flows were left out on purpose."""

    @property
    def manner(self) -> Manner:
        """The options that change what the run moves."""
        low, high = self.again or (None, None)
        return Manner(
            self.full_refresh,
            self.adopt,
            self.limit,
            low,
            high,
            self.into_scratch,
            backfill=self.backfill,
            accept_changes=self.accepts,
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """The selected moves; empty fields do not restrict. Names may be globs."""

    flows: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    pairs: frozenset[tuple[str, str]] | None = None
    """Only these pairs of flow and entity (or glob), for `--retry-failed`."""


def make_plan(
    project: Project,
    selection: Selection,
    *,
    concurrency: int | None = None,
    adopt: bool = False,
    full_refresh: bool = False,
    limit: int | None = None,
    again: Ends | None = None,
    backfill: bool = False,
    accepts: bool = False,
    into_scratch: bool = False,
) -> Plan:
    """Return the plan of the moves in `selection`.

    With `full_refresh` every move replaces what its store holds, whatever its mode; with `again`
    each moves a range of its watermark column; with `backfill` each merges every row of its home
    again. With `accepts` rows that were moved in another shape stay as they are; with
    `into_scratch` each move replaces what is in a place for tries beside that of its flow. Asks
    homes for their entities only where a flow names them by a glob. Raises `UsageError` when
    nothing is selected and `ConfigError` when variables or drivers are missing or two moves would
    write one place.
    """
    names = select_flows(project.flows, selection)
    specs = project.resolve(names)
    found = [item for flow in specs for item in _moves(flow, project.context)]
    moves = [item for item in found if isinstance(item, Move)]
    unplanned = tuple(item for item in found if isinstance(item, Unplanned))
    named = _names_by_home(project.flows.values(), specs, moves)
    kept = tuple(
        replace(move, siblings=frozenset(named[move.home_name]))
        for move in moves
        if _is_wanted(move, selection)
    )
    if full_refresh:
        kept = tuple(map(_refreshed, kept))
    if into_scratch:
        _check_scratch(again=again, adopt=adopt)
        kept = tuple(map(_in_scratch, kept))
    if not kept and not unplanned:
        raise _nothing_selected(selection, [move.entity for move in moves])
    if backfill:
        _check_backfill(kept)
    kept = tuple(replace(move, fills=backfill, accepts=accepts or backfill) for move in kept)
    _check_places(kept, project.context)
    _check_asked(kept, again=again, limit=limit, adopt=adopt)
    return Plan(
        context=project.context,
        moves=kept,
        unplanned=unplanned,
        after={name: _after(project.flows[name], names) for name in names},
        concurrency=concurrency or project.concurrency,
        memory_limit=project.memory_limit,
        adopt=adopt,
        limit=limit,
        again=again,
        salt=project.mask_salt,
        backfill=backfill,
        accepts=accepts,
        full_refresh=full_refresh,
        into_scratch=into_scratch,
        env=project.env,
        is_partial=bool(selection.entities or selection.pairs is not None),
    )


def _check_asked(
    moves: Sequence[Move], *, again: Ends | None, limit: int | None, adopt: bool
) -> None:
    if again is not None:
        _check_ranges(moves)
    if limit is not None:
        _check_limit(moves, limit, adopt=adopt)


def _check_backfill(moves: Iterable[Move]) -> None:
    """Raise `UsageError` for moves that cannot update rows in place."""
    for move in moves:
        if move.settings.mode is not Mode.MERGE:
            raise UsageError(
                f"--backfill requires mode: merge, and {move.flow} ({move.entity}) has mode: "
                f"{move.settings.mode.value}",
                hint=f"replace all rows with  hygge go {move.flow} --full-refresh",
            )


def _check_ranges(moves: Iterable[Move]) -> None:
    """Raise `UsageError` unless every move has a watermark column."""
    for move in moves:
        if move.settings.mode is Mode.REPLACE:
            raise UsageError(
                "--from and --to cannot be combined with a replace, which would remove all rows "
                f"of {move.flow} ({move.entity}) outside of the range",
                hint="remove --full-refresh, or remove --from and --to",
            )
        if not isinstance(move.settings.incremental, Incremental):
            raise UsageError(
                f"{move.flow} ({move.entity}) has no watermark column, so --from and --to do not "
                "apply",
                hint="name flows that have one, or set  incremental: <column>  in this one",
            )


def _check_scratch(*, again: Ends | None, adopt: bool) -> None:
    """Raise `UsageError` for options without a meaning in a scratch place."""
    if again is not None or adopt:
        options = "--adopt" if adopt else "--from and --to"
        raise UsageError(
            f"{options} cannot be combined with --into-scratch, which always replaces the scratch "
            "table",
            hint=f"remove  {options}, or remove  --into-scratch",
        )


def _check_limit(moves: Iterable[Move], limit: int, *, adopt: bool) -> None:
    """Raise `UsageError` for moves that could never move the rows beyond a limit."""
    for move in moves:
        if adopt and move.settings.mode is Mode.REPLACE:
            raise UsageError(
                f"--limit with --adopt would replace the rows that others wrote to {move.into} by "
                f"at most {limit:,} rows",
                hint=f"hygge go {move.flow} --limit {limit} --into-scratch",
            )
        if move.settings.incremental is not None or move.settings.delete_missing:
            key = "incremental" if move.settings.incremental is not None else "delete_missing"
            raise UsageError(
                f"--limit omits rows of {move.flow} ({move.entity}), and '{key}' would treat them "
                "as missing",
                hint=f"write them to a scratch table instead:  hygge go {move.flow} --limit "
                f"{limit} --into-scratch",
            )


def _after(flow: FlowOutline, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(other for other in flow.after if other in names)


def select_flows(flows: Mapping[str, FlowOutline], selection: Selection) -> list[str]:
    """Return the names of the selected flows in the project's order.

    A flow with `enabled: false` is selected only by its exact name. Raises `UsageError` with the
    nearest name when a name or glob matches nothing.
    """
    for pattern in (*selection.flows, *selection.exclude):
        if not any(fnmatchcase(name, pattern) for name in flows):
            raise _unknown_flow(pattern, flows)
    chosen = [name for name, flow in flows.items() if _is_selected(flow, selection)]
    if not chosen:
        raise _nothing_selected(selection, list(flows))
    return chosen


def _is_selected(flow: FlowOutline, selection: Selection) -> bool:
    named = flow.name in selection.flows
    return (
        (flow.enabled or named or selection.pairs is not None)
        and (not selection.flows or any(fnmatchcase(flow.name, p) for p in selection.flows))
        and (not selection.tags or bool(set(selection.tags) & set(flow.tags)))
        and not any(fnmatchcase(flow.name, pattern) for pattern in selection.exclude)
        and (selection.pairs is None or any(flow.name == name for name, _ in selection.pairs))
    )


def _names_by_home(
    flows: Iterable[FlowOutline], specs: Iterable[FlowSpec], moves: Iterable[Move]
) -> Mapping[str, set[str]]:
    """Return the entities of each home that flows name, selected or not."""
    named: dict[str, set[str]] = {}
    for flow in flows:
        named.setdefault(flow.home_name, set()).update(flow.entities)
    for spec in specs:
        named.setdefault(spec.home_name, set()).update(spec.exclude)
    for move in moves:
        named.setdefault(move.home_name, set()).add(move.entity)
    return named


def _is_wanted(move: Move, selection: Selection) -> bool:
    if selection.pairs is not None and not any(
        move.flow == flow and (move.entity == entity or fnmatchcase(move.entity, entity))
        for flow, entity in selection.pairs
    ):
        return False
    return not selection.entities or any(fnmatchcase(move.entity, p) for p in selection.entities)


def _moves(flow: FlowSpec, context: ProjectContext) -> Iterator[Move | Unplanned]:
    seen: set[str] = set()
    for spec in sorted(flow.entities, key=lambda spec: _is_glob(spec.pattern)):
        try:
            names = _entities(flow, spec, context)
        except HyggeError as error:
            yield Unplanned(
                flow.name,
                spec.pattern,
                flow.home_name,
                flow.store_name,
                spec.settings.mode,
                f"{flow.file}:{spec.line}",
                error,
            )
            continue
        for name in names:
            if name not in seen:
                seen.add(name)
                yield _move(flow, spec, name)


def _is_glob(pattern: str) -> bool:
    return any(sign in pattern for sign in "*?[")


def _entities(flow: FlowSpec, spec: EntitySpec, context: ProjectContext) -> Sequence[str]:
    if not _is_glob(spec.pattern):
        return [spec.pattern]
    found = [
        name
        for name in flow.home.home(context).entities(spec.pattern)
        if not any(fnmatchcase(name, pattern) for pattern in flow.exclude)
    ]
    if not found:
        raise HomeError(
            f"no entity of home {flow.home_name} matches '{spec.pattern}'",
            hint=f"to see the entities and what is excluded:  hygge show {flow.name}",
            code="HG506",
        )
    return found


def _move(flow: FlowSpec, spec: EntitySpec, name: str) -> Move:
    return Move(
        flow=flow.name,
        entity=name,
        into=spec.into or name,
        home_name=flow.home_name,
        store_name=flow.store_name,
        home=flow.home,
        store=flow.store,
        settings=spec.settings,
        where=f"{flow.file}:{spec.line}",
        shares_snapshot=flow.shares_snapshot,
        pinned=None if flow.lock is None else flow.lock.get(name, {}),
    )


def _refreshed(move: Move) -> Move:
    settings = move.settings.model_copy(update={"mode": Mode.REPLACE})
    return replace(move, settings=settings, starts_anew=True)


def _in_scratch(move: Move) -> Move:
    """Return a move of the same rows into a scratch place, which ignores earlier ones.

    Raises `UsageError` where the store does not allow such a name.
    """
    into = f"{move.into}{SCRATCH}"
    reason = move.store.refuse_name(into)
    if reason is not None:
        raise UsageError(
            f"--into-scratch would write {into} of store {move.store_name}: {reason}",
            hint=f"give the entity a shorter name with  into:  in {move.where}",
        )
    settings = move.settings.model_copy(
        update={
            "mode": Mode.REPLACE,
            "incremental": None,
            "delete_missing": None,
            "primary_key": (),
            "dedupe_by": (),
            "max_shrink": None,
            "on_empty": "replace",
            "guarantee": None,
            "keep_generations": 0,
        }
    )
    return replace(move, into=into, settings=settings, is_scratch=True, starts_anew=True)


def _check_places(moves: Iterable[Move], context: ProjectContext) -> None:
    taken: dict[str, Move] = {}
    for move in moves:
        for place in move.store.places(context, move.into):
            other = taken.setdefault(place.casefold(), move)
            if other is not move:
                raise ConfigError(
                    f"{move.flow} ({move.entity}) and {other.flow} ({other.entity}) "
                    f"would both write {place}",
                    hint=f"give one of them another name with into:  {move.where}",
                    code="HG211",
                )


def _unknown_flow(pattern: str, flows: Mapping[str, FlowOutline]) -> UsageError:
    near = get_close_matches(pattern, list(flows), n=1)
    guess = f"; did you mean '{near[0]}'?" if near else ""
    return UsageError(
        f"no flow matches '{pattern}'{guess}",
        hint=f"flows here: {', '.join(flows) or 'none'}   (hygge list)",
    )


def _nothing_selected(selection: Selection, names: Sequence[str]) -> UsageError:
    wanted = [*selection.entities, *selection.tags, *selection.flows]
    near = [match for text in wanted for match in get_close_matches(text, names, n=1)]
    guess = f"; did you mean '{near[0]}'?" if near else ""
    return UsageError(f"no entity matches the selection{guess}", hint="hygge list")
