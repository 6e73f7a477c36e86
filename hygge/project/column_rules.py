"""Rules of added and masked columns, and of conditions that hygge evaluates."""

from __future__ import annotations

from collections.abc import Iterator

from hygge.connector import Ability, HomeConfig, StoreConfig
from hygge.project.assembly import Draft
from hygge.project.diagnostics import Diagnostic, diagnostic
from hygge.project.nodes import Node
from hygge.project.variables import is_marked
from hygge.settings.expressions import ExpressionError, parse
from hygge.settings.move import ColumnSettings, Incremental, MoveSettings

_NO_SALT = "mask_salt: ${MASK_SALT}   in hygge.yml, and a long random MASK_SALT=… in .env"


def check_shaping(draft: Draft, *, has_salt: bool) -> Iterator[Diagnostic]:
    """Yield errors of a flow's columns, conditions and checks."""
    reported: set[int] = set()
    for entity in draft.entities:
        settings, nodes = entity.settings, entity.settings_nodes
        if settings is None:
            continue
        found = [*_columns(settings, nodes.get("columns"), has_salt=has_salt)]
        found += _condition(settings, nodes.get("where"), draft.home.config)
        found += _asked(settings, nodes.get("checks"), draft.store.config)
        for node, one in found:
            # Entities of one flow share its nodes, so an error is reported once.
            if id(node) not in reported:
                reported.add(id(node))
                yield one


def _columns(
    settings: MoveSettings, node: Node | None, *, has_salt: bool
) -> Iterator[tuple[Node, Diagnostic]]:
    for name, wanted in settings.columns.items():
        place = node and node.entries.get(name)
        if place is None:
            continue
        for key, message, hint in _wrong(name, wanted, settings):
            at = place.entries.get(key, place)
            yield at, diagnostic("HG222", message, at.key or at.span, hint)
        if wanted.mask == "hash" and not has_salt:
            at = place.entries.get("mask", place)
            message = f"'{name}' is masked by hash, which requires the secret mask_salt"
            yield at, diagnostic("HG223", message, at.span, _NO_SALT)


def _wrong(
    name: str, wanted: ColumnSettings, settings: MoveSettings
) -> Iterator[tuple[str, str, str]]:
    """Yield key, message and hint of conflicting settings of one column."""
    if wanted.value is not None and wanted.compute is not None:
        yield (
            "compute",
            f"'{name}' has both a constant value and an expression",
            "remove one of them",
        )
    if wanted.is_added:
        for key in ("mask", "rename"):
            if getattr(wanted, key) is not None:
                hint = "set its name and value where it is added"
                yield key, f"'{name}' is added by the flow, so '{key}' does not apply", hint
    if wanted.compute is not None:
        hidden = sorted(c for c in parse(wanted.compute).columns if _is_masked(c, settings))
        if hidden:
            message = f"'{name}' is computed from '{hidden[0]}', which is masked"
            yield "compute", message, "compute it from other columns"
    if wanted.mask is not None and _is_watermark(name, settings):
        message = (
            f"'{name}' is masked, so it cannot be the watermark column: its order would be lost"
        )
        yield "mask", message, "exclude it with select, or use another watermark column"
    elif wanted.mask is not None and name in settings.dedupe_by:
        message = f"'{name}' is masked, so it cannot be in 'dedupe_by': its order would be lost"
        yield "mask", message, "remove the mask, or use another column in dedupe_by"


def _is_masked(name: str, settings: MoveSettings) -> bool:
    wanted = settings.columns.get(name)
    return wanted is not None and wanted.mask is not None


def _is_watermark(name: str, settings: MoveSettings) -> bool:
    wanted = settings.incremental
    return isinstance(wanted, Incremental) and wanted.column == name


def _asked(
    settings: MoveSettings, node: Node | None, store: object
) -> Iterator[tuple[Node, Diagnostic]]:
    """Yield SQL checks that the store does not support."""
    if node is None or not isinstance(store, StoreConfig) or store.answers_sql:
        return
    for item, check in zip(node.items or (node,), settings.checks, strict=False):
        if check.sql is not None:
            at = item.entries.get("sql", item)
            message = f"a {store.type_name} store does not support SQL, so it cannot run this check"
            hint = "use not_null, unique, accepted_values, row_count or freshness"
            yield at, diagnostic("HG224", message, at.key or at.span, hint)


def _condition(
    settings: MoveSettings, node: Node | None, home: object
) -> Iterator[tuple[Node, Diagnostic]]:
    """Yield a condition that hygge cannot evaluate, for a home without SQL."""
    if node is None or settings.where is None or is_marked(settings.where):
        return
    if not isinstance(home, HomeConfig) or Ability.WHERE in home.can:
        return
    try:
        parse(settings.where)
    except ExpressionError as error:
        hint = "write it as in  status <> 'test' and amount > 0   (docs/flows.md)"
        yield node, diagnostic("HG106", f"invalid 'where': {error}", node.span, hint)
