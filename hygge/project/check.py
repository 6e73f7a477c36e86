"""The check of a whole project: every file and environment, offline, without variables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hygge.connector import ConnectorConfig, ProjectContext
from hygge.errors import UsageError
from hygge.project import dotenv, env_files
from hygge.project.assembly import Assembly, Bodies, Draft
from hygge.project.diagnostics import Diagnostic, Report, did_you_mean
from hygge.project.excerpts import gathered
from hygge.project.files import Files, read_files
from hygge.project.flow_order import check_order
from hygge.project.flow_rules import Places, Uses, check_flows
from hygge.project.lockfile import check_locks, check_lonely
from hygge.project.nodes import Node, Span
from hygge.project.overlays import Layers, base, overlaid
from hygge.project.variables import Variables


def check(
    root: Path,
    *,
    env: str | None = None,
    env_file: Path | None = None,
    with_variables: bool = False,
) -> Report:
    """Return the report on the project in `root`, each error once.

    Reads every file and every environment. Needs no variable, driver or network. With
    `with_variables` it also reports missing and invalid variables of `env`. Raises `UsageError` for
    an environment that has no file.
    """
    root = root.resolve()
    files = read_files(root)
    found = [*files.diagnostics, *env_files.check_env_files(root)]
    secrets: list[Span] = []
    shared = Shared(root)
    for overlay in (None, *sorted(files.folders["environments"])):
        layers, wrong = layers_of(files, overlay)
        assembly, more = check_layers(layers, shared)
        found += [*wrong, *more]
        secrets += assembly.secrets
    for folder, kind in (("homes", "home"), ("stores", "store")):
        starts = {name: one.start for name, one in files.folders[folder].items()}
        found += shared.uses.unused(kind, starts)
    known_env(files, env)
    if with_variables:
        found += _variables(root, files, env, env_file)
    return Report(
        gathered(found, files.texts, secrets),
        homes=len(files.folders["homes"]),
        stores=len(files.folders["stores"]),
        flows=len(files.folders["flows"]),
        environments=len(files.folders["environments"]),
    )


def within(report: Report, root: Path, places: Sequence[Path]) -> Report:
    """Return the report restricted to files in `places`."""
    kept = [
        one
        for one in report.diagnostics
        if any(place in (root / one.file, *(root / one.file).parents) for place in places)
    ]
    return replace(report, diagnostics=tuple(kept))


def known_env(files: Files, env: str | None) -> None:
    """Raise `UsageError` with a similar name for an unknown environment."""
    if env is None or env in files.folders["environments"]:
        return
    known = sorted(files.folders["environments"])
    raise UsageError(
        f"there is no environment '{env}'{did_you_mean(env, known)}",
        hint=f"environments: {', '.join(known) or 'none; create environments/NAME.yml'}",
        code="HG305",
    )


def _variables(
    root: Path, files: Files, env: str | None, env_file: Path | None
) -> list[Diagnostic]:
    """Return diagnostics for variables that are unset or have invalid values."""
    layers, _ = layers_of(files, env)
    env_layers, wrong = dotenv.read_layers(root, env, env_file)
    assembly = Assembly(layers, Variables.of(root, env_layers))
    _build(assembly)
    return [*wrong, *assembly.found, *assembly.variables.missing]


def _build(assembly: Assembly) -> list[Draft | None]:
    """Build all configs of a project; return its flows."""
    assembly.settings()
    for name in assembly.layers.homes:
        assembly.home(name)
    for name in assembly.layers.stores:
        assembly.store(name)
    return [assembly.draft(name) for name in sorted(assembly.layers.flows)]


def layers_of(files: Files, env: str | None) -> tuple[Layers, list[Diagnostic]]:
    """Return the project with an existing environment applied."""
    layers, found = base(files)
    if env is None:
        return layers, found
    layers, more = overlaid(layers, files.folders["environments"][env])
    return layers, [*found, *more]


class Shared:
    """State shared by the checks of a project's environments."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.places = Places(ProjectContext(root))
        self.uses = Uses()
        self.configs: dict[int, tuple[Node, ConnectorConfig | None]] = {}
        self.bodies: Bodies = {}


def check_layers(layers: Layers, shared: Shared) -> tuple[Assembly, list[Diagnostic]]:
    """Return the diagnostics of a project in one environment, and the assembly."""
    assembly = Assembly(
        layers, Variables(shared.root), configs=shared.configs, bodies=shared.bodies
    )
    maybe = _build(assembly)
    drafts = [draft for draft in maybe if draft is not None]
    found = [
        *check_flows(drafts, shared.places, has_salt=assembly.has_salt),
        *check_order(drafts, layers.flows),
        *check_locks(drafts, layers.locks),
        *check_lonely(layers.locks, layers.flows),
    ]
    shared.uses.add(maybe)
    return assembly, [*assembly.found, *assembly.variables.found, *found]
