"""`flows/NAME.lock.yml`: the columns of a flow's home, as accepted by a user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from pydantic import Field

from hygge.project.assembly import Draft, EntityDraft
from hygge.project.diagnostics import Diagnostic, diagnostic, did_you_mean, near
from hygge.project.nodes import Node
from hygge.project.overlays import Described
from hygge.project.validation import validate
from hygge.project.variables import is_marked
from hygge.settings.move import FILES, Settings

_SHOWN = 20


class LockSettings(Settings):
    """The contents of a lock file; written by `hygge schema lock`."""

    entities: dict[str, dict[str, str]] = Field(default_factory=dict)
    """By entity name in the home: its columns and their types."""


Lock = Mapping[str, Mapping[str, str]]
"""By entity: its columns and their types."""


def lock_of(described: Described | None) -> Lock | None:
    """Return a lock file's content; None without one, or with an invalid one."""
    if described is None or described.node is None:
        return None
    model, _ = validate(LockSettings, described.node, "a lock file")
    return None if model is None else model.entities


def check_locks(drafts: Sequence[Draft], locks: Mapping[str, Described]) -> Iterator[Diagnostic]:
    """Yield diagnostics of lock files, and columns of flows that they lack."""
    flows = {draft.name: draft for draft in drafts}
    for name, described in locks.items():
        if described.node is None:
            continue
        lock, found = validate(LockSettings, described.node, "a lock file")
        yield from found
        draft = flows.get(name)
        if lock is not None and draft is not None:
            yield from _unknown_entities(draft, described.node)
            for entity in draft.entities:
                yield from _unknown_columns(draft, entity, lock.entities)


def check_lonely(locks: Mapping[str, Described], flows: Mapping[str, object]) -> list[Diagnostic]:
    """Return diagnostics for lock files without a flow."""
    return [
        diagnostic(
            "HG215",
            f"the lock file belongs to no flow: there is no '{name}'",
            one.start,
            f"remove it: rm {one.file}",
        )
        for name, one in locks.items()
        if name not in flows
    ]


def _unknown_entities(draft: Draft, lock: Node) -> Iterator[Diagnostic]:
    entities = lock.entries.get("entities")
    for name, node in entities.entries.items() if entities else ():
        if not any(_is_of(draft, entity, name) for entity in draft.entities):
            message = f"flow '{draft.name}' no longer has the entity '{name}'"
            hint = f"hygge schema lock {draft.name}"
            yield diagnostic("HG215", message, node.key or node.span, hint)


def _is_of(draft: Draft, entity: EntityDraft, name: str) -> bool:
    if not entity.is_glob or is_marked(entity.pattern):
        return entity.pattern == name or is_marked(entity.pattern)
    is_out = any(fnmatchcase(name, pattern) for pattern in draft.exclude)
    return fnmatchcase(name, entity.pattern) and not is_out


def _unknown_columns(draft: Draft, entity: EntityDraft, lock: Lock) -> Iterator[Diagnostic]:
    """Yield the columns that an entity names and its lock lacks, at which a run would stop."""
    named = {one.pattern for one in draft.entities if not one.is_glob}
    added = _added(entity)
    for name, columns in lock.items():
        if not _is_of(draft, entity, name) or (entity.is_glob and name in named):
            continue
        for column, node in _named_columns(entity):
            known = column in columns or (column[:1] == "-" and column[1:] in columns)
            if known or column in added or is_marked(column):
                continue
            bare = column.removeprefix("-")
            guess = near(bare, columns)
            shown = ", ".join(list(columns)[:_SHOWN])
            hint = guess or f"columns: {shown}; if it is new:  hygge schema lock {draft.name}"
            message = f"{name} has no column '{bare}'{did_you_mean(bare, columns)}"
            yield diagnostic("HG219", message, node.key or node.span, hint)


def _added(entity: EntityDraft) -> set[str]:
    """Return the columns that an entity adds, which the home need not have."""
    columns = entity.settings_nodes.get("columns")
    entries = columns.entries if columns else {}
    return {name for name, node in entries.items() if {"value", "compute"} & node.entries.keys()}


def _named_columns(entity: EntityDraft) -> Iterator[tuple[str, Node]]:
    """Yield each column of the home that a setting of an entity names, with its node."""
    nodes = entity.settings_nodes
    for key in ("select", "primary_key", "dedupe_by"):
        node = nodes.get(key)
        for item in (node, *node.items) if node is not None else ():
            if item.text is not None:
                yield item.text, item
    columns = nodes.get("columns")
    if columns is not None:
        yield from columns.entries.items()
    mark = nodes.get("incremental")
    if mark is not None:
        mark = mark.entries.get("column", mark)
        if mark.text is not None and mark.text != FILES:
            yield mark.text, mark
