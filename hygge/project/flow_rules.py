"""Rules across files: between a flow, its home, its store and other flows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import takewhile
from os.path import islink, realpath, split

from hygge.connector import Ability, ConnectorConfig, HomeConfig, ProjectContext, StoreConfig
from hygge.project.assembly import Draft, EntityDraft
from hygge.project.column_rules import check_shaping
from hygge.project.diagnostics import Diagnostic, diagnostic
from hygge.project.mode_rules import called, check_modes
from hygge.project.models import is_entity_name
from hygge.project.nodes import Node, Span
from hygge.project.variables import is_marked, unmarked
from hygge.settings.move import FILES, POSITIONS

_GLOB = frozenset("*?[")


class Places:
    """The places of entities, computed once for each config."""

    def __init__(self, context: ProjectContext) -> None:
        self.root = realpath(context.root)
        self._context = context
        self._known: dict[tuple[int, str], tuple[ConnectorConfig, list[str]]] = {}
        self._folders: dict[str, str] = {}
        self.nowhere: dict[int, tuple[ConnectorConfig, str]] = {}
        """Why a config leads to no place: a user without a home, a zero byte in a path."""

    def of(self, config: ConnectorConfig, name: str) -> list[str]:
        """Return the places of an entity with links resolved."""
        key = (id(config), name)
        if key not in self._known:
            try:
                places = [self._real(place) for place in config.places(self._context, name)]
            except (OSError, RuntimeError, ValueError) as error:
                places, self.nowhere[id(config)] = [], (config, str(error))
            self._known[key] = (config, places)
        return self._known[key][1]

    def _real(self, place: str) -> str:
        """Return a place with links resolved; each directory is looked up once."""
        if "://" in place or is_marked(place):
            return place.rstrip("/")
        folder, name = split(place)
        if folder not in self._folders:
            self._folders[folder] = realpath(folder)
        path = f"{self._folders[folder].rstrip('/')}/{name}"
        return realpath(path) if name in ("", ".", "..") or islink(path) else path  # noqa: PTH114  (no object for each of 100,000)

    def shown(self, place: str) -> str:
        """Return a place relative to the project's root, for messages."""
        return unmarked(place).removeprefix(self.root + "/")


def check_flows(drafts: Sequence[Draft], places: Places, *, has_salt: bool) -> Iterator[Diagnostic]:
    """Yield errors of flows that are valid by themselves."""
    for draft in drafts:
        yield from _entities(draft)
        yield from _queries(draft)
        yield from _abilities(draft)
        yield from check_modes(draft)
        yield from check_shaping(draft, has_salt=has_salt)
        yield from _names(draft)
        yield from _overlap(draft, places)
        yield from _nowhere(draft, places)
    yield from _two_writers(drafts, places)


def _entities(draft: Draft) -> Iterator[Diagnostic]:
    entries = draft.node.entries
    if "entity" in entries and "entities" in entries:
        message = "'entity' and 'entities' cannot be combined"
        span = entries["entity"].key or entries["entity"].span
        yield diagnostic("HG214", message, span, "move it into the list of entities")
    if "into" in entries and "entities" in entries:
        message = "'into' applies to one entity, but the flow has a list of them"
        span = entries["into"].key or entries["into"].span
        yield diagnostic("HG214", message, span, "entities: [{name: …, into: …}]")
    if "entities" in entries and entries["entities"].value == ():
        hint = f"add one; without the key the flow moves '{draft.name}'"
        span = entries["entities"].anchor
        yield diagnostic("HG214", "the list of entities is empty", span, hint)
    for entity in draft.entities:
        if entity.is_glob and entity.into:
            message = (
                f"'{entity.pattern}' is a glob for many entities; they cannot all be stored as"
            )
            message += f" '{entity.into}'"
            yield diagnostic("HG214", message, entity.span, "remove 'into', or name the entity")


def _queries(draft: Draft) -> Iterator[Diagnostic]:
    """Yield queries on flows with several entities."""
    entries = draft.node.entries
    for_all = entries.get("query") if "entities" in entries else None
    if for_all is not None:
        message = "'query' applies to one entity, but the flow has a list of them"
        hint = "entities: [{name: …, query: …}]"
        yield diagnostic("HG214", message, for_all.key or for_all.span, hint)
    for entity in draft.entities:
        node = entity.settings_nodes.get("query")
        if entity.is_glob and node is not None and node is not for_all:
            message = f"'{entity.pattern}' is a glob for many entities; 'query' applies to one"
            yield diagnostic("HG214", message, node.key or node.span, "name the entity")


_CANNOT = {
    Ability.QUERY: "does not support queries",
    Ability.SNAPSHOT: "does not support a consistent snapshot of several entities",
    Ability.FILES: "has no files, so new rows cannot be detected by file",
    Ability.POSITIONS: "does not report how far it was read",
}
_INCREMENTS = {FILES: Ability.FILES, POSITIONS: Ability.POSITIONS}


def _abilities(draft: Draft) -> Iterator[Diagnostic]:
    """Yield keys of a flow that its home does not support."""
    home = draft.home.config
    if not isinstance(home, HomeConfig):
        return
    key = Ability.QUERY
    asked = [(key, entity.settings_nodes.get(key)) for entity in draft.entities]
    if draft.shares_snapshot:
        asked.append((Ability.SNAPSHOT, draft.node.entries.get("snapshot")))
    asked += _by_home(draft)
    for key, node in asked:
        if node is not None and node.value is not None and key not in home.can:
            message = f"home {called(draft.home, home)} {_CANNOT[key]}"
            what = f"incremental: {key}" if key in _INCREMENTS.values() else key
            hint = f"remove '{what}', or read from a home of another type   (hygge types)"
            yield diagnostic("HG218", message, node.key or node.span, hint)


def _by_home(draft: Draft) -> Iterator[tuple[Ability, Node]]:
    """Yield the abilities that `incremental: files` and `incremental: positions` need."""
    for entity in draft.entities:
        node = entity.settings_nodes.get("incremental")
        ability = None if node is None else _INCREMENTS.get(node.text or "")
        if node is not None and ability is not None:
            yield ability, node


def _names(draft: Draft) -> Iterator[Diagnostic]:
    """Yield names that the store does not allow."""
    store = draft.store.config
    if not isinstance(store, StoreConfig):
        return
    for entity in draft.entities:
        name = entity.target
        if entity.is_glob or is_marked(name) or not is_entity_name(name):
            continue  # reported elsewhere, or unknown
        reason = store.refuse_name(name)
        if reason is not None:
            message = (
                f"'{name}' is not a valid name in store {called(draft.store, store)}: {reason}"
            )
            span = entity.named.anchor if entity.named else entity.span
            yield diagnostic("HG225", message, span, "into: another_name")


def _nowhere(draft: Draft, places: Places) -> Iterator[Diagnostic]:
    for kind, side in (("home", draft.home), ("store", draft.store)):
        if side.node is not None and id(side.config) in places.nowhere:
            reason = places.nowhere[id(side.config)][1].rstrip(".").lower()
            message = f"{kind} {side.name} has an invalid path: {reason}"
            node = side.node.entries.get("path", side.node)
            yield diagnostic("HG106", message, node.anchor, "write another path")


def _overlap(draft: Draft, places: Places) -> Iterator[Diagnostic]:
    home, store = draft.home.config, draft.store.config
    if home is None or store is None:
        return
    for entity in draft.entities:
        if entity.settings_nodes.get("query") is not None:
            continue  # its name is no place of the home
        sources = places.of(home, entity.pattern)
        targets = places.of(store, entity.target)
        pairs = ((s, t) for s in sources for t in targets if _inside(s, t) or _inside(t, s))
        for source, target in pairs:
            name = (
                draft.name if entity.pattern == draft.name else f"{draft.name} ({entity.pattern})"
            )
            message = f"flow {name} would write to what it reads: {places.shown(source)}"
            if source != target:
                message += f" and {places.shown(target)}"
            hint = f"give store {draft.store.name} another path"
            yield diagnostic("HG212", message, draft.store.span, hint)
            break


def _inside(inner: str, outer: str) -> bool:
    """Return whether a place is inside another, as far as its values are known."""
    lies_in = inner == outer or inner.startswith(outer.rstrip("/") + "/")
    return lies_in and is_marked(inner) == is_marked(outer)


@dataclass(frozen=True, slots=True)
class _Writer:
    draft: Draft
    entity: EntityDraft
    place: str


def _two_writers(drafts: Sequence[Draft], places: Places) -> Iterator[Diagnostic]:
    """Yield an error for the second writer of each place."""
    first: dict[str, _Writer] = {}
    globs: list[_Writer] = []
    for draft in drafts:
        for entity in draft.entities:
            writers = [_Writer(draft, entity, p) for p in _target_places(draft, entity, places)]
            if entity.is_glob:
                globs += writers
                continue
            mine = {writer.place.casefold(): writer for writer in writers}
            other = next((first[place] for place in mine if place in first), None)
            if other:
                yield _second(writers[0], other)
            else:
                first.update(mine)
    for glob, other in _caught(globs, first.values()):
        yield _second(other, glob)


def _target_places(draft: Draft, entity: EntityDraft, places: Places) -> list[str]:
    if draft.store.config is not None:
        known = places.of(draft.store.config, entity.target)
        if known:
            return known
    if draft.store.name is None or draft.store.is_inline:
        return []
    return [f"{draft.store.name}:{entity.target}"]


def _caught(
    globs: Sequence[_Writer], named: Iterable[_Writer]
) -> Iterator[tuple[_Writer, _Writer]]:
    """Yield an error for each entity that a glob moves to the same place as another flow.

    Only entities of one home are compared, since equal names in different homes may be different
    entities. A glob writes each entity under its own name, so one with another `into` is no
    conflict.
    """
    by_home: dict[str | None, dict[str, list[_Writer]]] = {}
    for writer in sorted(named if globs else (), key=_pattern_of):
        if writer.entity.pattern == writer.entity.target and not writer.draft.home.is_inline:
            flows = by_home.setdefault(writer.draft.home.name, {})
            flows.setdefault(writer.draft.name, []).append(writer)
    for glob in globs:
        flows = {} if glob.draft.home.is_inline else by_home.get(glob.draft.home.name, {})
        for flow, writers in flows.items():
            near = _beginning_like(glob, writers) if flow != glob.draft.name else ()
            yield from ((glob, other) for other in near if _takes_in(glob, other))


def _pattern_of(writer: _Writer) -> str:
    return writer.entity.pattern


def _beginning_like(glob: _Writer, writers: list[_Writer]) -> Iterator[_Writer]:
    """Yield those of the sorted `writers` whose entities have the glob's prefix."""
    start = "".join(takewhile(lambda letter: letter not in _GLOB, glob.entity.pattern))
    for position in range(bisect_left(writers, start, key=_pattern_of), len(writers)):
        if not _pattern_of(writers[position]).startswith(start):
            break
        yield writers[position]


def _takes_in(glob: _Writer, other: _Writer) -> bool:
    """Return whether a glob moves an entity to the other writer's place."""
    return (
        fnmatchcase(other.entity.pattern, glob.entity.pattern)
        and fnmatchcase(other.place, glob.place)
        and not any(fnmatchcase(other.entity.pattern, out) for out in glob.draft.exclude)
    )


def _second(writer: _Writer, other: _Writer) -> Diagnostic:
    draft, entity = writer.draft, writer.entity
    name = f"{draft.store.name}/{entity.target}"
    who = "this flow" if other.draft is draft else f"flow {other.draft.name}"
    where = f"{other.entity.span.file}:{other.entity.span.line}"
    message = f"{name} is also written by {who} ({where})"
    if writer.place != other.place and writer.place.casefold() == other.place.casefold():
        message += f" as {other.entity.target}, which differs only in case"
    return diagnostic("HG211", message, entity.span, "give one of them another name with 'into'")


@dataclass(slots=True)
class Uses:
    """The homes and stores that flows use, in any environment."""

    used: set[tuple[str, str]] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    """Kinds for which a flow's reference is unknown, which is reported elsewhere."""

    def add(self, drafts: Sequence[Draft | None]) -> None:
        """Add the homes and stores of flows."""
        for draft in drafts:
            for kind in ("home", "store"):
                side = None if draft is None else draft.home if kind == "home" else draft.store
                if side is None or side.name is None:
                    self.doubtful.add(kind)
                else:
                    self.used.add((kind, side.name))

    def unused(self, kind: str, names: Mapping[str, Span]) -> Iterator[Diagnostic]:
        """Yield the homes or stores that no flow uses."""
        for name, span in names.items():
            if (kind, name) not in self.used and kind not in self.doubtful:
                message = f"no flow uses {kind} '{name}'"
                yield diagnostic("HG213", message, span, f"hygge destroy {kind} {name}")
