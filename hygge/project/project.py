"""A validated project, and the flows that a command resolves from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from hygge.connector import ConnectorConfig, HomeConfig, ProjectContext, StoreConfig
from hygge.errors import UsageError
from hygge.project import dotenv
from hygge.project.assembly import Assembly, Draft, Side
from hygge.project.check import Shared, check_layers, known_env, layers_of
from hygge.project.diagnostics import Diagnostic, ProjectError, diagnostic, did_you_mean
from hygge.project.excerpts import gathered
from hygge.project.files import LOCK_ENDING, Files, read_files
from hygge.project.flow_rules import Places, check_flows
from hygge.project.lockfile import Lock, lock_of
from hygge.project.nodes import Span
from hygge.project.overlays import Described, Layers
from hygge.project.variables import Layer, Variables, unmarked
from hygge.settings.move import MoveSettings
from hygge.settings.notify import NotifySettings

_OF_TWO = "HG211"
"""Code of an error that exists only where both flows are requested."""


@dataclass(frozen=True, slots=True)
class EntitySpec:
    """An item of a flow: an entity, or all that match a glob."""

    pattern: str
    into: str | None
    """The entity's name in the store when it is another one; None for a glob."""
    settings: MoveSettings
    line: int


@dataclass(frozen=True, slots=True)
class FlowSpec:
    """A resolved flow: variables, environment and defaults applied."""

    name: str
    file: str
    line: int
    home_name: str
    store_name: str
    home: HomeConfig
    store: StoreConfig
    entities: tuple[EntitySpec, ...]
    exclude: tuple[str, ...]
    shares_snapshot: bool
    """Whether all its entities are read from one snapshot."""
    after: tuple[str, ...]
    tags: tuple[str, ...]
    enabled: bool
    lock: Lock | None = None
    """The columns of each entity in its lock file."""


@dataclass(frozen=True, slots=True)
class FlowOutline:
    """A flow without its variables; unknown ones read `${NAME}`."""

    name: str
    file: str
    line: int
    home_name: str
    store_name: str
    entities: tuple[str, ...]
    """Names and globs."""
    tags: tuple[str, ...]
    after: tuple[str, ...]
    enabled: bool
    freshness: Mapping[str, float] = field(default_factory=dict)
    """Seconds since the last success after which an entity is stale, by its name or glob."""


@dataclass(frozen=True, slots=True)
class ConnectorOutline:
    """A home or store without its variables."""

    name: str
    file: str
    type: str


class Project:
    """The project in a directory, with one environment chosen."""

    def __init__(
        self, root: Path, files: Files, layers: Layers, variables: tuple[Layer, ...]
    ) -> None:
        self.root = root
        self.env = layers.env
        self.context = ProjectContext(root)
        self.files = files
        self.layers = layers
        self._variables = variables
        self._problems: tuple[Diagnostic, ...] = ()
        self._used: set[tuple[str, str]] = set()

    @classmethod
    def load(
        cls,
        root: Path,
        *,
        env: str | None = None,
        env_file: Path | None = None,
        allows: Collection[str] = (),
    ) -> Project:
        """Read and check the project; raise `ProjectError` where no flow of it could run.

        Errors in a home, a store or a flow are raised when it is requested, and are otherwise among
        `problems_elsewhere`. `allows` are codes of errors that the command will fix. Needs no
        variable and no driver. Raises `UsageError` for an unknown environment.
        """
        root = root.resolve()
        files = read_files(root)
        known_env(files, env)
        layers, found = layers_of(files, env)
        env_layers, wrong = dotenv.read_layers(root, env, env_file)
        assembly, more = check_layers(layers, Shared(root))
        everything = (*files.diagnostics, *found, *wrong, *more)
        known = gathered(everything, files.texts, assembly.secrets)
        errors = [d for d in known if d.is_error and d.code not in allows]
        local = [d for d in errors if _owner(d.file) is not None and d not in wrong]
        overlays = {one.file for name, one in files.folders["environments"].items() if name != env}
        shared = [d for d in errors if d not in local and d.file not in overlays]
        if shared:
            raise ProjectError([d for d in errors if d.file not in overlays])
        project = cls(root, files, layers, env_layers)
        project._problems = tuple(errors)
        return project

    @property
    def problems_elsewhere(self) -> list[Diagnostic]:
        """Diagnostics of files that were not requested so far."""
        return [one for one in self._problems if one.code == _OF_TWO or self._is_unused(one)]

    def _is_unused(self, one: Diagnostic) -> bool:
        return _owner(one.file) not in self._used

    def _use(self, owners: Iterable[tuple[str, str]]) -> None:
        """Raise `ProjectError` with all errors of these files, given by folder and name.

        Two flows that write one place are reported by `resolve`, if both are requested.
        """
        used = set(owners)
        self._used |= used
        errors = [d for d in self._problems if _owner(d.file) in used and d.code != _OF_TWO]
        if errors:
            raise ProjectError(errors)

    @cached_property
    def _lenient(self) -> Assembly:
        return self.assembly()

    def assembly(self) -> Assembly:
        """Return a fresh assembly with the variables of this process."""
        return Assembly(self.layers, Variables.of(self.root, self._variables))

    @property
    def name(self) -> str:
        """The project's name: from hygge.yml, else the directory's."""
        return self._lenient.settings().name or self.root.name

    @property
    def concurrency(self) -> int:
        """Moves that run at once."""
        return self._lenient.settings().concurrency

    @property
    def memory_limit(self) -> int:
        """Memory for the data of the whole run, in Arrow bytes."""
        return self._lenient.settings().memory_limit

    @property
    def mask_salt(self) -> bytes | None:
        """The key of masks by hash; None when the project has none."""
        salt = self._lenient.settings().mask_salt
        return None if salt is None else salt.get_secret_value().encode()

    @property
    def protected(self) -> bool:
        """Whether stores may be replaced against a flow's mode only when that is allowed."""
        return self._lenient.settings().protected

    @property
    def notify(self) -> tuple[NotifySettings, ...]:
        """The receivers of messages about runs."""
        return self._lenient.settings().notify

    @cached_property
    def homes(self) -> Mapping[str, ConnectorOutline]:
        """The homes by name, sorted."""
        return _outlines(self.layers.homes)

    @cached_property
    def stores(self) -> Mapping[str, ConnectorOutline]:
        """The stores by name, sorted."""
        return _outlines(self.layers.stores)

    @cached_property
    def flows(self) -> Mapping[str, FlowOutline]:
        """The flows by name, sorted. No variable has to be set.

        For an unreadable file only the name is known; `resolve` reports the reason.
        """
        drafts = {name: self._lenient.draft(name) for name in sorted(self.layers.flows)}
        return {
            name: _unread(self.layers.flows[name]) if draft is None else _outline(draft)
            for name, draft in drafts.items()
        }

    def require(self, names: Iterable[str]) -> None:
        """Raise `ProjectError` with all errors of these flows, their homes and stores."""
        self._use(owner for name in names for owner in self._owners(name))

    def _owners(self, name: str) -> list[tuple[str, str]]:
        """Return a flow, its home and its store, each by folder and name."""
        if name not in self.layers.flows:
            return []
        flow = self.flows[name]
        sides = [("homes", flow.home_name), ("stores", flow.store_name)]
        return [
            ("flows", name),
            *(side for side in sides if side[1] in self.layers.folder(side[0])),
        ]

    def drafts(self, names: Sequence[str], assembly: Assembly) -> list[Draft]:
        """Return flows by name; raise `UsageError` for an unknown one."""
        for name in names:
            if name not in self.layers.flows:
                known = sorted(self.layers.flows)
                raise UsageError(
                    f"there is no flow '{name}'{did_you_mean(name, known)}",
                    hint=f"flows: {', '.join(known) or 'none yet'}   (hygge list)",
                    code="HG217",
                )
        return [draft for name in names if (draft := assembly.draft(name)) is not None]

    def home(self, name: str) -> HomeConfig:
        """Return a home with its variables replaced, ready to be opened.

        Raises `UsageError` for an unknown one, and one `ProjectError` with every missing variable,
        missing driver and wrong value.
        """
        config = self._connector("home", name)
        assert isinstance(config, HomeConfig)
        return config

    def store(self, name: str) -> StoreConfig:
        """Return a store with its variables replaced; raises like `home`."""
        config = self._connector("store", name)
        assert isinstance(config, StoreConfig)
        return config

    def _connector(self, kind: str, name: str) -> ConnectorConfig | None:
        known = self.layers.folder(f"{kind}s")
        if name not in known:
            raise UsageError(
                f"the project has no {kind} '{name}'{did_you_mean(name, known)}",
                hint=f"{kind}s: {', '.join(sorted(known)) or 'none yet'}   (hygge list)",
                code="HG202" if kind == "home" else "HG203",
            )
        self._use([(f"{kind}s", name)])
        assembly = self.assembly()
        described = known[name]
        config = assembly.home(name) if kind == "home" else assembly.store(name)
        found = [*assembly.found, *assembly.variables.found, *assembly.variables.missing]
        if config is not None:
            found += _missing_of(Side(name, described.start, config, described.node), config)
        errors = [d for d in gathered(found, self.files.texts, assembly.secrets) if d.is_error]
        if errors:
            raise ProjectError(errors)
        return config

    def resolve(self, names: Sequence[str]) -> list[FlowSpec]:
        """Return flows with their variables replaced, ready to run, in the given order.

        Raises one `ProjectError` with every missing variable, missing driver and wrong value of all
        these flows.
        """
        self.require(names)
        assembly = self.assembly()
        drafts = self.drafts(names, assembly)
        assembly.settings()
        found = [*assembly.found, *assembly.variables.found, *assembly.variables.missing]
        found += _missing_drivers(drafts)
        found += check_flows(drafts, Places(self.context), has_salt=assembly.has_salt)
        errors = [d for d in gathered(found, self.files.texts, assembly.secrets) if d.is_error]
        if errors:
            raise ProjectError(errors)
        return [_spec(draft, lock_of(self.layers.locks.get(draft.name))) for draft in drafts]


def _owner(file: str) -> tuple[str, str] | None:
    """Return the home, store or flow that a file belongs to, by folder and name."""
    path = PurePosixPath(file)
    if path.parts[0] not in ("homes", "stores", "flows") or len(path.parts) == 1:
        return None
    return path.parts[0], path.name.removesuffix(LOCK_ENDING).removesuffix(path.suffix)


def _unread(described: Described) -> FlowOutline:
    return FlowOutline(described.name, described.file, 1, "", "", (), (), (), enabled=True)


def _outlines(described: Mapping[str, Described]) -> dict[str, ConnectorOutline]:
    outlines = {}
    for name, one in sorted(described.items()):
        type_node = one.node.entries.get("type") if one.node else None
        outlines[name] = ConnectorOutline(name, one.file, (type_node and type_node.text) or "")
    return outlines


def _outline(draft: Draft) -> FlowOutline:
    return FlowOutline(
        name=draft.name,
        file=draft.file,
        line=draft.node.span.line,
        home_name=draft.home.name or "",
        store_name=draft.store.name or "",
        entities=tuple(unmarked(entity.pattern) for entity in draft.entities),
        tags=tuple(unmarked(tag) for tag in draft.tags),
        after=draft.after,
        enabled=draft.enabled,
        freshness={
            unmarked(entity.pattern): entity.settings.freshness
            for entity in draft.entities
            if entity.settings is not None and entity.settings.freshness is not None
        },
    )


def _missing_drivers(drafts: Sequence[Draft]) -> list[Diagnostic]:
    sides = [side for draft in drafts for side in (draft.home, draft.store)]
    return [one for side in sides if side.config for one in _missing_of(side, side.config)]


def _missing_of(side: Side, config: ConnectorConfig) -> Iterator[Diagnostic]:
    """Yield what a connector needs and this machine lacks."""
    type_node = side.node.entries.get("type") if side.node else None
    span: Span = type_node.span if type_node else side.span
    missing, extra = config.missing()
    is_of_type = bool(config.missing_drivers()) or not missing
    needs = f"type {config.type_name} requires" if is_of_type else "`path` requires"
    if missing:
        package = f"'hygge-data[{extra}]'" if extra else " ".join(missing)
        message = f"{needs} {', '.join(missing)}, which is not installed"
        yield diagnostic("HG306", message, span, f"pip install {package}")
    elif missing := config.missing_libraries():
        packages = " ".join(config.libraries[name] for name in missing)
        message = f"{needs} the system's {', '.join(missing)}, which is not installed"
        hint = (
            f"apt-get install {packages}  (Debian, Ubuntu; the package has other names elsewhere)"
        )
        yield diagnostic("HG306", message, span, hint)


def _spec(draft: Draft, lock: Lock | None) -> FlowSpec:
    home, store = draft.home.config, draft.store.config
    assert isinstance(home, HomeConfig)
    assert isinstance(store, StoreConfig)
    return FlowSpec(
        name=draft.name,
        file=draft.file,
        line=draft.node.span.line,
        home_name=draft.home.name or "",
        store_name=draft.store.name or "",
        home=home,
        store=store,
        entities=tuple(
            EntitySpec(e.pattern, e.into, e.settings, e.span.line)
            for e in draft.entities
            if e.settings is not None
        ),
        exclude=draft.exclude,
        shares_snapshot=draft.shares_snapshot,
        after=draft.after,
        tags=draft.tags,
        enabled=draft.enabled,
        lock=lock,
    )
