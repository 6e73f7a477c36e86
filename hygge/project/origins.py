"""Where each value of a resolved flow comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from pydantic import BaseModel, SecretBytes, SecretStr

from hygge.connector import HomeConfig, StoreConfig
from hygge.project.assembly import Draft, EntityDraft, Side
from hygge.project.diagnostics import is_sensitive
from hygge.project.models import FlowSettings
from hygge.project.nodes import Node, Plain, find, plain, walk
from hygge.project.project import Project
from hygge.project.validation import secrets_at
from hygge.project.variables import Variables, named_in, unmarked
from hygge.settings.move import MoveSettings
from hygge.values.model import Ability
from hygge.values.redact import is_from_secret

_MASK = "***"


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of a resolved flow."""

    path: str
    """Path of the value: `store.path`, `entities[2].mode`."""
    key: str
    value: Plain
    """JSON value; secrets are `***`."""
    origin: str
    """`file:line`, a variable, or the reason for a value that is not written."""
    level: int = 0
    is_heading: bool = False
    """Whether the value follows in deeper lines."""
    opens_item: bool = False
    """Whether it is the first line of a list item."""


def show_flow(project: Project, name: str) -> list[Shown]:
    """Return every setting of a flow, with its origin.

    Variables need not be set; an unset one is shown as written. Raises `UsageError` for an unknown
    flow.
    """
    assembly = project.assembly()
    draft = project.drafts([name], assembly)[0]
    return list(_Showing(project, assembly.variables, draft).flow())


class _Showing:
    """Shows one flow."""

    def __init__(self, project: Project, variables: Variables, draft: Draft) -> None:
        self.project = project
        self.variables = variables
        self.draft = draft

    def flow(self) -> Iterator[Shown]:
        draft = self.draft
        yield from self._side("home", draft.home)
        yield from self._side("store", draft.store)
        many = draft.node.entries.get("entities")
        if many is None:
            yield from self._entity(draft.entities[0])
        for key in ("exclude", "snapshot", "tags", "after", "enabled"):
            if key in draft.node.entries or key == "enabled":
                yield self._written_or_default(FlowSettings, key, draft.node.entries)
        nodes = draft.entities[0].settings_nodes if many is None else self._shared()
        for key in MoveSettings.model_fields:
            yield self._written_or_default(MoveSettings, key, nodes)
        if many is not None:
            yield Shown("entities", "entities", None, _place(many), is_heading=True)
            for number, entity in enumerate(draft.entities, 1):
                yield from self._item(number, entity)

    def _side(self, kind: str, side: Side) -> Iterator[Shown]:
        written = self.draft.node.entries.get(kind)
        origin = _place(written) if written else f"the only {kind} of the project"
        if side.is_inline:
            yield Shown(kind, kind, None, origin, is_heading=True)
        else:
            yield Shown(kind, kind, side.name, origin)
        if side.node is None:
            return
        registry = HomeConfig.registry if kind == "home" else StoreConfig.registry
        type_name = plain(side.node.entries["type"])
        model = registry.find(type_name)
        filled = self.variables.fill(side.node, forbidden=frozenset({"type"}))
        for path, raw in walk(side.node):
            keys = [str(step) for step in path]
            is_secret = bool(secrets_at(model, path)) or is_sensitive(keys[-1])
            is_secret = is_secret or is_from_secret(raw.text or "")
            value = _masked(find(filled, path)[0], raw) if is_secret else _plain(filled, path)
            key = ".".join(keys)
            yield Shown(f"{kind}.{key}", key, value, self._origin(raw), level=1)
        yield from self._defaults(kind, model, side.node)

    def _defaults(self, kind: str, model: type[BaseModel], node: Node) -> Iterator[Shown]:
        for name, info in model.model_fields.items():
            key = info.alias or name
            if key not in node.entries and name not in node.entries and not info.is_required():
                value = _json(info.get_default(call_default_factory=True))
                yield Shown(f"{kind}.{key}", key, value, "default", level=1)

    def _entity(self, entity: EntityDraft) -> Iterator[Shown]:
        entries = self.draft.node.entries
        written = "entity" in entries
        origin = self._origin_of("entity", entries) if written else "the flow's name"
        yield Shown("entity", "entity", unmarked(entity.pattern), origin)
        origin = self._origin_of("into", entries) if entity.into else "the entity's name"
        if not entity.is_glob:
            yield Shown("into", "into", unmarked(entity.target), origin)

    def _item(self, number: int, entity: EntityDraft) -> Iterator[Shown]:
        path = f"entities[{number}]"
        place = f"{entity.span.file}:{entity.span.line}"
        name = unmarked(entity.pattern)
        yield Shown(f"{path}.name", "name", name, place, level=1, opens_item=True)
        if not entity.is_glob:
            origin = place if entity.into else "the entity's name"
            yield Shown(f"{path}.into", "into", unmarked(entity.target), origin, level=2)
        shared = self._shared()
        for key, node in entity.settings_nodes.items():
            if shared.get(key) is not node:
                yield Shown(f"{path}.{key}", key, _plain(node), _place(node), level=2)

    def _shared(self) -> Mapping[str, Node]:
        """Return the settings of `defaults` and the flow, which every entity inherits."""
        return self.draft.settings_nodes

    def _written_or_default(
        self, model: type[BaseModel], key: str, nodes: Mapping[str, Node]
    ) -> Shown:
        if key in nodes:
            shown = Shown(key, key, _plain(nodes[key]), self._origin_of(key, nodes))
        else:
            value = _json(model.model_fields[key].get_default(call_default_factory=True))
            shown = Shown(key, key, value, "default")
        implied = self._implied(key)
        if implied is None or implied == shown.value:
            return shown
        return Shown(key, key, implied, "default of a queue")

    def _implied(self, key: str) -> Plain:
        """Return what the home implies for a key of all entities; None where it implies nothing."""
        settings = [one.settings for one in self.draft.entities if one.settings is not None]
        home = self.draft.home.config
        if key not in ("mode", "incremental") or not settings or not isinstance(home, HomeConfig):
            return None
        return _json(getattr(settings[0], key)) if Ability.POSITIONS in home.can else None

    def _origin_of(self, key: str, nodes: Mapping[str, Node]) -> str:
        """Return the origin of a value of the flow or of `defaults`, its variables included."""
        node = nodes[key]
        layers = self.project.layers
        described = layers.flows[self.draft.name].node
        defaults = layers.settings.entries.get("defaults")
        for owner in (described, defaults):
            raw = owner.entries.get(key) if owner else None
            if raw is not None and raw.span == node.span:
                is_default = owner is defaults
                return self._origin(raw) + (" (defaults)" if is_default else "")
        return _place(node)

    def _origin(self, raw: Node) -> str:
        names = [name for _, leaf in walk(raw) if leaf.text for name in named_in(leaf.text)]
        origins = [self._variable(name) for name in names]
        return ", ".join([_place(raw), *origins])

    def _variable(self, name: str) -> str:
        origin = self.variables.origin(name)
        return f"{name} from {origin}" if origin else f"{name} is not set"


def _place(node: Node) -> str:
    span = node.key or node.span
    return f"{span.file}:{span.line}"


def _plain(node: Node, path: tuple[int | str, ...] = ()) -> Plain:
    return _json(plain(_without_secrets(find(node, path)[0])))


def _without_secrets(node: Node) -> Node:
    """Return a value with stars for texts from variables with secret-like names."""
    if isinstance(node.value, dict):
        entries = {key: _without_secrets(one) for key, one in node.value.items()}
        return replace(node, value=entries)
    if isinstance(node.value, tuple):
        return replace(node, value=tuple(map(_without_secrets, node.value)))
    is_secret = node.written is not None and is_from_secret(node.written)
    return replace(node, value=_MASK) if is_secret else node


def _masked(filled: Node, raw: Node) -> str:
    """Return stars for a known secret, and the variable for an unknown one."""
    text = filled.text or ""
    return unmarked(text) if raw.text and text and unmarked(text) == raw.text else _MASK


def _json(value: Plain) -> Plain:
    """Return a value as JSON, without secrets."""
    if isinstance(value, SecretStr | SecretBytes):
        return _MASK
    if isinstance(value, BaseModel):
        return _json(value.model_dump())
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json(item) for item in value]
    if isinstance(value, str):
        return unmarked(value)
    return value if isinstance(value, int | float | None) else str(value)
