"""What no single file can know: rules between a flow, its home, its store and other flows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from os.path import realpath

from hygge.connector import ConnectorConfig, ProjectContext, StoreConfig
from hygge.model import Mode
from hygge.project.assembly import Draft, EntityDraft
from hygge.project.diagnostics import Diagnostic, diagnostic, did_you_mean, near
from hygge.project.tree import Node, Span
from hygge.project.variables import is_marked, unmarked


def check_flows(drafts: Sequence[Draft], context: ProjectContext) -> Iterator[Diagnostic]:
    """Yield what is wrong with flows that are fine by themselves."""
    for draft in drafts:
        yield from _entities(draft)
        yield from _modes(draft)
        yield from _overlap(draft, context)
    yield from _two_writers(drafts, context)


def check_order(drafts: Sequence[Draft], known: Mapping[str, object]) -> Iterator[Diagnostic]:
    """Yield every `after:` that leads nowhere, and every circle of them."""
    for draft in drafts:
        for node in _after_nodes(draft):
            name = node.text or ""
            if name not in known and not is_marked(name):
                message = f"there is no flow '{name}'{did_you_mean(name, known)}"
                guess = near(name, known)
                hint = f"after: {guess}" if guess else f"flows: {', '.join(sorted(known)[:10])}"
                yield diagnostic("HG205", message, node.span, hint)
    yield from _circles({draft.name: draft for draft in drafts})


def _after_nodes(draft: Draft) -> list[Node]:
    node = draft.node.entries.get("after")
    return [item for item in (node, *node.items) if item.text is not None] if node else []


def _circles(drafts: Mapping[str, Draft]) -> Iterator[Diagnostic]:
    """Yield each circle once, told at the flow whose name comes first."""
    told: set[str] = set()
    for name in sorted(drafts):
        way = _way_back(name, drafts) if name not in told else None
        if way is None:
            continue
        told.update(way)
        span = next(n.span for n in _after_nodes(drafts[name]) if n.text == way[1])
        if len(way) == 2:
            yield diagnostic("HG206", f"flow '{name}' waits for itself", span, "remove it")
        else:
            message = f"these flows wait for each other: {' → '.join(way)}"
            yield diagnostic("HG206", message, span, "remove one `after:` of the circle")


def _way_back(start: str, drafts: Mapping[str, Draft]) -> list[str] | None:
    """Return the shortest way from a flow along `after:` back to it."""
    ways = [[start]]
    seen: set[str] = set()
    for way in ways:
        for name in drafts[way[-1]].after:
            if name == start:
                return [*way, start]
            if name in drafts and name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return None


def _entities(draft: Draft) -> Iterator[Diagnostic]:
    entries = draft.node.entries
    if "entity" in entries and "entities" in entries:
        message = "a flow names one 'entity' or several 'entities', not both"
        span = entries["entity"].key or entries["entity"].span
        yield diagnostic("HG214", message, span, "move it into the list of entities")
    if "into" in entries and "entities" in entries:
        message = "'into' names one entity, but the flow has a list of them"
        span = entries["into"].key or entries["into"].span
        yield diagnostic("HG214", message, span, "entities: [{name: …, into: …}]")
    if "entities" in entries and entries["entities"].value == ():
        yield diagnostic("HG214", "the list of entities is empty", entries["entities"].anchor)
    for entity in draft.entities:
        if entity.is_glob and entity.into:
            message = f"'{entity.pattern}' stands for many entities; they cannot all be named"
            message += f" '{entity.into}' in the store"
            yield diagnostic("HG214", message, entity.span, "remove 'into', or name the entity")


def _modes(draft: Draft) -> Iterator[Diagnostic]:
    store = draft.store.config
    for entity in draft.entities:
        if entity.settings is None:
            continue
        mode = entity.settings.mode
        node = entity.settings_nodes.get("mode")
        span = node.span if node else entity.span
        if isinstance(store, StoreConfig) and mode not in store.modes:
            modes = ", ".join(sorted(store.modes))
            message = f"store {draft.store.name} ({store.type_name}) cannot {mode}"
            yield diagnostic("HG209", message, span, f"modes of this store: {modes}")
        elif mode is Mode.MERGE and not entity.settings.primary_key:
            message = f"merging {entity.pattern} needs the key of its rows"
            yield diagnostic("HG210", message, span, "primary_key: [id]")


def _overlap(draft: Draft, context: ProjectContext) -> Iterator[Diagnostic]:
    home, store = draft.home.config, draft.store.config
    if home is None or store is None:
        return
    for entity in draft.entities:
        sources = _places(home, context, entity.pattern)
        targets = _places(store, context, entity.target)
        pairs = ((s, t) for s in sources for t in targets if _inside(s, t) or _inside(t, s))
        for source, target in pairs:
            name = (
                draft.name if entity.pattern == draft.name else f"{draft.name} ({entity.pattern})"
            )
            message = f"flow {name} would write into what it reads: {unmarked(source)}"
            if source != target:
                message += f" and {unmarked(target)}"
            hint = f"give store {draft.store.name} another path"
            yield diagnostic("HG212", message, draft.store.span, hint)
            break


def _places(config: ConnectorConfig, context: ProjectContext, name: str) -> list[str]:
    return [_real(place) for place in config.places(context, name)]


@cache
def _real(place: str) -> str:
    if "://" in place or is_marked(place):
        return place.rstrip("/")
    return realpath(place)


def _inside(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(outer.rstrip("/") + "/")


@dataclass(frozen=True, slots=True)
class _Writer:
    draft: Draft
    entity: EntityDraft
    place: str


def _two_writers(drafts: Sequence[Draft], context: ProjectContext) -> Iterator[Diagnostic]:
    """Yield the second writer of each place, told with the first."""
    first: dict[str, _Writer] = {}
    globs: list[_Writer] = []
    for draft in drafts:
        for entity in draft.entities:
            places = _target_places(draft, entity, context)
            if entity.is_glob:
                globs += [_Writer(draft, entity, place) for place in places]
                continue
            writers = [_Writer(draft, entity, place) for place in places]
            other = next(
                (first[w.place.casefold()] for w in writers if w.place.casefold() in first), None
            )
            if other:
                yield _second(writers[0], other)
            first.update({w.place.casefold(): w for w in writers if not other})
    for writer in globs:
        for other in first.values():
            if _takes_in(writer, other):
                yield _second(other, writer)


def _target_places(draft: Draft, entity: EntityDraft, context: ProjectContext) -> list[str]:
    if draft.store.config is not None:
        places = _places(draft.store.config, context, entity.target)
        if places:
            return places
    if draft.store.name is None or draft.store.is_inline:
        return []
    return [f"{draft.store.name}:{entity.target}"]


def _takes_in(glob: _Writer, other: _Writer) -> bool:
    """Return whether a glob moves an entity that another flow moves to the same place.

    Entities of different homes may be others, so only those of one home are told here.
    """
    one_home = glob.draft.home.name == other.draft.home.name and not glob.draft.home.is_inline
    return (
        one_home
        and glob.draft is not other.draft
        and fnmatchcase(other.entity.pattern, glob.entity.pattern)
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
        message += f" as {other.entity.target}, which differs only in upper and lower case"
    return diagnostic("HG211", message, entity.span, "give one of them another name with 'into'")


def unused(kind: str, names: Mapping[str, Span], used: set[str]) -> Iterator[Diagnostic]:
    """Yield the homes or stores that no flow names."""
    for name, span in names.items():
        if name not in used:
            message = f"no flow uses {kind} '{name}'"
            yield diagnostic("HG213", message, span, f"hygge destroy {kind} {name}")
