"""Rules of `mode` and of keys for some modes only, such as `incremental`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hygge.connector import ConnectorConfig, StoreConfig
from hygge.incremental.guarantee import Promise, promise_of, way_to
from hygge.project.assembly import Draft, EntityDraft, Side
from hygge.project.diagnostics import Diagnostic, diagnostic
from hygge.project.nodes import Node
from hygge.settings.move import Incremental, MoveSettings
from hygge.values.model import Mode

_MERGE = "mode: merge, and the key of the rows:  primary_key: [id]"


@dataclass(frozen=True, slots=True)
class _Clash:
    key: str
    message: str
    hint: str
    inner: str = ""
    """The key within the mapping of `key` that clashes."""


def check_modes(draft: Draft) -> Iterator[Diagnostic]:
    """Yield modes that the store lacks, and conflicting keys."""
    yield from _modes(draft)
    yield from _clashing(draft)
    yield from _promised(draft)


def _promised(draft: Draft) -> Iterator[Diagnostic]:
    """Yield guarantees that a flow does not give."""
    reported: set[tuple[int, Promise]] = set()
    for entity in draft.entities:
        settings, node = entity.settings, entity.settings_nodes.get("guarantee")
        if settings is None or settings.guarantee is None or node is None:
            continue
        promise = promise_of(settings)
        if promise.is_less_than(settings.guarantee) and (id(node), promise) not in reported:
            reported.add((id(node), promise))
            of = "" if entity.pattern == draft.name else f" ({entity.pattern})"
            message = f"flow {draft.name}{of} guarantees {promise.level}, less than required"
            hint = way_to(settings.guarantee, settings)
            yield diagnostic("HG226", f"{message}: {promise.why}", node.span, hint)


def _clashing(draft: Draft) -> Iterator[Diagnostic]:
    reported: set[tuple[int, str]] = set()
    for entity in draft.entities:
        for clash in _clashes(entity.settings) if entity.settings else ():
            node = _node(entity, clash)
            # Entities of one flow share its nodes, so an error is reported once.
            if node is not None and (id(node), clash.message) not in reported:
                reported.add((id(node), clash.message))
                yield diagnostic("HG222", clash.message, node.key or node.span, clash.hint)


def _node(entity: EntityDraft, clash: _Clash) -> Node | None:
    node = entity.settings_nodes.get(clash.key)
    return node and node.entries.get(clash.inner, node)


def _clashes(settings: MoveSettings) -> Iterator[_Clash]:
    mode, wanted = settings.mode, settings.incremental
    if wanted is not None and mode is Mode.REPLACE:
        message = (
            "'incremental' cannot be combined with mode: replace, which moves all rows each time"
        )
        yield _Clash("incremental", message, "mode: append, or merge with a primary_key")
    elif isinstance(wanted, Incremental) and mode is not Mode.MERGE:
        if wanted.lookback is not None:
            message = (
                "'lookback' cannot be combined with mode: append, which would duplicate the rows "
                "it reads again"
            )
            yield _Clash("incremental", message, _MERGE, "lookback")
        if wanted.nulls == "include":
            message = (
                "rows without a value are read every time, and mode: append would duplicate them"
            )
            yield _Clash("incremental", message, "nulls: skip, or  " + _MERGE, "nulls")
    if settings.dedupe_by and mode is not Mode.MERGE:
        message = f"'dedupe_by' requires mode: merge, and the mode of this flow is {mode}"
        yield _Clash("dedupe_by", message, _MERGE)
    if settings.delete_missing and mode is not Mode.MERGE:
        message = f"'delete_missing' requires mode: merge, and the mode of this flow is {mode}"
        yield _Clash("delete_missing", message, _MERGE)
    elif settings.delete_missing and wanted is not None:
        message = (
            "'delete_missing' needs all rows of the home, and 'incremental' reads only new ones"
        )
        hint = "remove one of them; for both, use two flows, one without 'incremental'"
        yield _Clash("delete_missing", message, hint)
    elif settings.delete_missing and settings.on_bad_row == "quarantine":
        message = "'delete_missing' would delete quarantined rows, because they look missing"
        yield _Clash("delete_missing", message, "remove one, or  on_bad_row: fail")


def called(side: Side, config: ConnectorConfig) -> str:
    """Return name and type of a home or store; an inline one has only a type."""
    return f"({config.type_name})" if side.is_inline else f"{side.name} ({config.type_name})"


def _modes(draft: Draft) -> Iterator[Diagnostic]:
    store = draft.store.config
    for entity in draft.entities:
        node = entity.settings_nodes.get("mode")
        mode = _mode(entity, node)
        span = node.span if node else entity.span
        if isinstance(store, StoreConfig) and mode and mode not in store.modes:
            modes = ", ".join(sorted(store.modes))
            message = f"store {called(draft.store, store)} does not support mode {mode}"
            yield diagnostic("HG209", message, span, f"modes of this store: {modes}")
        elif mode is Mode.MERGE and not _has_key(entity):
            message = f"a merge of {entity.pattern} needs a primary key"
            yield diagnostic("HG210", message, span, "primary_key: [id]")


def _mode(entity: EntityDraft, node: Node | None) -> Mode | None:
    """Return the mode of an entity, also where another of its settings is wrong."""
    if entity.settings is not None:
        return entity.settings.mode
    written = Mode.REPLACE if node is None else node.text
    return next((mode for mode in Mode if mode == written), None)


def _has_key(entity: EntityDraft) -> bool:
    settings = entity.settings
    return bool(settings.primary_key) if settings else "primary_key" in entity.settings_nodes
