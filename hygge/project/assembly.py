"""Builds configs from nodes: a flow with its home, its store and its entities' settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import BaseModel, TypeAdapter, ValidationError

from hygge.connector import ConnectorConfig, HomeConfig, StoreConfig
from hygge.errors import ConfigError
from hygge.project.diagnostics import Diagnostic, diagnostic, did_you_mean
from hygge.project.literal_secrets import holds_password, is_literal_secret, is_variable
from hygge.project.models import FlowSettings, ProjectSettings, move_keys
from hygge.project.nodes import Node, Span, plain, walk
from hygge.project.overlays import Described, Layers
from hygge.project.validation import is_misplaced, secrets_at, validate
from hygge.project.variables import FORBIDDEN, Variables, is_marked, mentions
from hygge.registry import Registry
from hygge.settings.move import POSITIONS, DefaultSettings, MoveSettings
from hygge.values.model import Ability, Mode
from hygge.values.redact import learn

_GLOB = frozenset("*?[")
_TYPE = frozenset({"type"})


@dataclass(frozen=True, slots=True)
class EntityDraft:
    """One item of a flow: an entity or a glob."""

    pattern: str
    named: Node | None
    """The node of `into`, if the flow sets it."""
    settings: MoveSettings | None
    """None when a value is wrong or unknown."""
    span: Span
    settings_nodes: Mapping[str, Node]
    """The node of each setting: in the entity, the flow or `defaults`."""

    @property
    def is_glob(self) -> bool:
        """Whether the pattern is a glob, which only the home can resolve."""
        return bool(_GLOB & set(self.pattern))

    @property
    def into(self) -> str | None:
        """The value of `into`."""
        return self.named.text if self.named else None

    @property
    def target(self) -> str:
        """The entity's name in the store."""
        return self.into or self.pattern


@dataclass(frozen=True, slots=True)
class Side:
    """The home or the store of a flow."""

    name: str | None
    """Name of its file; `(type)` when it is defined inline; None when unknown."""
    span: Span
    """Position of the reference in the flow."""
    config: ConnectorConfig | None
    node: Node | None = None
    is_inline: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A flow as far as its values are known."""

    name: str
    file: str
    node: Node
    home: Side
    store: Side
    entities: tuple[EntityDraft, ...]
    exclude: tuple[str, ...]
    shares_snapshot: bool
    after: tuple[str, ...]
    tags: tuple[str, ...]
    enabled: bool
    settings_nodes: Mapping[str, Node]
    """The node of each setting that its entities inherit."""


@dataclass(frozen=True, slots=True)
class _Body:
    """The parsed settings of a flow and `defaults`, independent of its home and store."""

    written: tuple[Node, Node | None]
    """References that keep the ids of these nodes unique."""
    node: Node
    misspelt: str
    enabled: bool
    shared: Mapping[str, Node]
    entities: tuple[EntityDraft, ...]


Bodies = dict[tuple[int, int], _Body]


@dataclass(slots=True)
class Assembly:
    """Builds the configs of a project, each once, and collects diagnostics."""

    layers: Layers
    variables: Variables
    found: list[Diagnostic] = field(default_factory=list)
    secrets: list[Span] = field(default_factory=list)
    """Positions of values that must not be printed."""
    configs: dict[int, tuple[Node, ConnectorConfig | None]] = field(default_factory=dict)
    """The configs built so far, by node; shared by assemblies with the same variables."""
    bodies: Bodies = field(default_factory=dict)
    """The flows built so far, by their node and that of `defaults`; shared in the same way."""
    _settings: ProjectSettings | None = None
    _defaults: Node | None = None

    def settings(self) -> ProjectSettings:
        """Return the project settings, with the environment applied."""
        if self._settings is None:
            self._note_secrets(ProjectSettings, self.layers.settings)
            node = self.variables.fill(self.layers.settings, forbidden=frozenset())
            _learn(ProjectSettings, node)
            model, found = validate(ProjectSettings, node, "hygge.yml")
            self.found += found
            self._settings = model or ProjectSettings()
            self._defaults = node.entries.get("defaults")
        return self._settings

    @property
    def has_salt(self) -> bool:
        """Whether the project sets `mask_salt`, even to an unknown variable."""
        return "mask_salt" in self.layers.settings.entries

    def home(self, name: str) -> ConnectorConfig | None:
        """Return the config of a home; None when a value is wrong or unknown."""
        return self._connector("home", self.layers.homes[name])

    def store(self, name: str) -> ConnectorConfig | None:
        """Return the config of a store; None when a value is wrong or unknown."""
        return self._connector("store", self.layers.stores[name])

    def _connector(self, kind: str, described: Described) -> ConnectorConfig | None:
        node = described.node
        if node is None:
            return None
        if id(node) not in self.configs:
            self.configs[id(node)] = (node, self.config(kind, node))
        return self.configs[id(node)][1]

    def config(self, kind: str, node: Node) -> ConnectorConfig | None:
        """Return the config of a mapping with a `type`."""
        registry = HomeConfig.registry if kind == "home" else StoreConfig.registry
        model = self._model(kind, registry, node)
        if model is None:
            return None
        self._note_secrets(model, node)
        filled = self.variables.fill(node, forbidden=_TYPE)
        _learn(model, filled)
        config, found = validate(model, filled, f"a {model.type_name} {kind}")
        self.found += found
        return config

    def _model(
        self, kind: str, registry: Registry[HomeConfig] | Registry[StoreConfig], node: Node
    ) -> type[ConnectorConfig] | None:
        type_node = node.entries.get("type")
        text = type_node.text if type_node else None
        if type_node is None or text is None:
            help_text = f"type: {' | '.join(registry.names()) or '…'}   (hygge types)"
            wrong = next((k for k in node.entries if did_you_mean(k, ["type"])), None)
            if type_node is None and wrong:
                span = node.entries[wrong].key or node.span
                message = f"unknown key '{wrong}'; did you mean 'type'?"
                self.found.append(diagnostic("HG102", message, span, help_text))
                return None
            span = (type_node or node).anchor
            self.found.append(diagnostic("HG103", f"a {kind} needs a type", span, help_text))
            return None
        if mentions(text):
            hint = "write the type itself; put what differs between machines into environments/"
            message = "'type' cannot be a variable"
            self.found.append(diagnostic("HG108", message, type_node.span, hint))
            return None
        try:
            return registry.find(text)
        except ConfigError as error:
            code = error.code if error.code in ("HG104", "HG110") else "HG109"
            found = diagnostic(code, error.message, type_node.anchor, error.hint or "hygge types")
            self.found.append(found)
            return None

    def _note_secrets(self, model: type[BaseModel], node: Node) -> None:
        """Record the positions of secrets, and report literal ones."""
        for path, leaf in walk(node):
            text = leaf.text
            if text and is_misplaced(model, path):
                self.secrets.append(leaf.span)
                continue
            if not text or not (secrets_at(model, path) or holds_password(text)):
                continue
            if is_variable(text):
                continue
            self.secrets.append(leaf.span)
            if is_literal_secret(text):
                key = next((str(step) for step in reversed(path) if isinstance(step, str)), "")
                self.found.append(_written_out(key, leaf, is_url=holds_password(text)))

    def draft(self, name: str) -> Draft | None:
        """Return a flow as far as its values are known; None when its file cannot be read."""
        described = self.layers.flows[name]
        if described.node is None:
            return None
        self.settings()
        body = self._body(described, described.node)
        entries = body.node.entries
        home = self._side("home", body.node, described, body.misspelt)
        default = self._defaults.entries.get("mode") if self._defaults else None
        return Draft(
            name=name,
            file=described.file,
            node=body.node,
            home=home,
            store=self._side("store", body.node, described, body.misspelt),
            entities=tuple(_with_positions(one, home.config, default) for one in body.entities),
            exclude=_texts(entries.get("exclude")),
            shares_snapshot="shared" in _texts(entries.get("snapshot")),
            after=_texts(entries.get("after")),
            tags=_texts(entries.get("tags")),
            enabled=body.enabled,
            settings_nodes=body.shared,
        )

    def _body(self, described: Described, written: Node) -> _Body:
        defaults = self.layers.settings.entries.get("defaults")
        bodies, key = self.bodies, (id(written), id(defaults))
        if key not in bodies:
            node = self.variables.fill(written, forbidden=FORBIDDEN)
            settings, found = validate(FlowSettings, node, "a flow")
            self.found += found
            shared = self._shared(node)
            bodies[key] = _Body(
                written=(written, defaults),
                node=node,
                misspelt="".join(one.message for one in found),
                enabled=settings.enabled if settings else _enabled(node),
                shared=shared,
                entities=self._entities(node, described, shared),
            )
        return bodies[key]

    def _side(self, kind: str, node: Node, described: Described, misspelt: str) -> Side:
        """Return the home or store of a flow: named, inline, or the only one."""
        known = self.layers.folder(f"{kind}s")
        child = node.entries.get(kind)
        if child is None:
            return self._only(kind, known, described, misspelt)
        if isinstance(child.value, dict):
            config = self.config(kind, child)
            type_name = child.entries["type"].text if "type" in child.entries else None
            name = f"({type_name})" if type_name else None
            return Side(name, child.anchor, config, child, is_inline=True)
        name = child.text
        if name is None or is_marked(name):
            return Side(None, child.anchor, None)
        if name not in known:
            code = "HG202" if kind == "home" else "HG203"
            message = f"there is no {kind} '{name}'{did_you_mean(name, known)}"
            help_text = f"{kind}s: {', '.join(sorted(known))}" if known else ""
            new = f"hygge new {kind} {name} --type TYPE key=value"
            self.found.append(diagnostic(code, message, child.span, help_text or new))
            return Side(None, child.span, None)
        return Side(name, child.span, self._connector(kind, known[name]), known[name].node)

    def _only(
        self, kind: str, known: Mapping[str, Described], flow: Described, misspelt: str
    ) -> Side:
        if len(known) == 1:
            name, one = next(iter(known.items()))
            return Side(name, flow.start, self._connector(kind, one), one.node)
        if f"did you mean '{kind}'" not in misspelt:
            choices = f"{kind}: {' | '.join(sorted(known))}"
            new = f"hygge new {kind} NAME --type TYPE key=value"
            reason = f"the project has {len(known)}" if known else "the project has none"
            message = f"the flow names no {kind}, and {reason}"
            found = diagnostic("HG204", message, flow.start, choices if known else new)
            self.found.append(found)
        return Side(None, flow.start, None)

    def _shared(self, node: Node) -> dict[str, Node]:
        """Return the settings of `defaults` and the flow, which overrides them."""
        written = self._defaults.entries if self._defaults else {}
        known = DefaultSettings.model_fields
        return {k: one for k, one in written.items() if k in known} | _move_keys(node)

    def _entities(
        self, node: Node, described: Described, nodes: Mapping[str, Node]
    ) -> tuple[EntityDraft, ...]:
        """Return the items that a flow moves, each with its settings."""
        settings = _settings(nodes)
        many = node.entries.get("entities")
        if many is None:
            entity = node.entries.get("entity")
            pattern = (entity.text if entity else None) or described.name
            span = entity.span if entity else described.start
            return (EntityDraft(pattern, node.entries.get("into"), settings, span, nodes),)
        drafts = []
        for item in many.items or (many,):
            changed = _move_keys(item)
            name, into = item.entries.get("name"), item.entries.get("into")
            own_name = item.text or (name.text if name else None)
            if not own_name:
                continue
            mine = {**nodes, **changed}
            merged = _settings(mine) if changed else settings
            drafts.append(EntityDraft(own_name, into, merged, item.span, mine))
        return tuple(drafts)


def _with_positions(
    entity: EntityDraft, home: ConnectorConfig | None, default: Node | None
) -> EntityDraft:
    """Return an entity with `incremental: positions` where its home reports them.

    Its mode is `append` by default, also where `default`, the mode in `defaults`, is `replace`: a
    replace would remove what the home no longer has.
    """
    settings = entity.settings
    has_positions = isinstance(home, HomeConfig) and Ability.POSITIONS in home.can
    if settings is None or not has_positions:
        return entity
    implied: dict[str, object] = {}
    mode = entity.settings_nodes.get("mode")
    if mode is None or (mode is default and settings.mode is Mode.REPLACE):
        implied["mode"] = Mode.APPEND
    if settings.incremental is None and (implied or settings.mode is not Mode.REPLACE):
        implied["incremental"] = POSITIONS
    return replace(entity, settings=settings.model_copy(update=implied)) if implied else entity


def _written_out(key: str, leaf: Node, *, is_url: bool) -> Diagnostic:
    name = key.upper()
    if is_url:
        message = f"'{key}' contains a password"
        hint = f"{key}: …://user:${{{name}_PASSWORD}}@…   and {name}_PASSWORD=… in .env"
    else:
        message = f"the secret '{key}' is written in the file"
        hint = f"{key}: ${{{name}}}   and {name}=… in .env"
    return diagnostic("HG401", message, leaf.key or leaf.span, hint)


def _learn(model: type[BaseModel], node: Node) -> None:
    """Register secrets for masking."""
    for path, leaf in walk(node):
        if leaf.text and not is_marked(leaf.text) and secrets_at(model, path):
            learn(leaf.text)


def _move_keys(node: Node) -> dict[str, Node]:
    known = move_keys()
    return {key: child for key, child in node.entries.items() if key in known}


def _settings(nodes: Mapping[str, Node]) -> MoveSettings | None:
    """Return the settings merged from several files.

    None when one of them is wrong, which is reported at its position.
    """
    try:
        return MoveSettings.model_validate({key: plain(node) for key, node in nodes.items()})
    except ValidationError:
        return None


def _enabled(node: Node) -> bool:
    """Return whether a flow with unknown values is enabled."""
    child = node.entries.get("enabled")
    if child is None:
        return True
    try:
        return TypeAdapter(bool).validate_python(child.value)
    except ValidationError:
        return True


def _texts(node: Node | None) -> tuple[str, ...]:
    if node is None:
        return ()
    return tuple(item.text for item in (node, *node.items) if item.text is not None)
