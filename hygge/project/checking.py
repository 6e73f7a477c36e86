"""The check of a whole project: every file, every environment, offline and without variables."""

from __future__ import annotations

from pathlib import Path

from hygge.connector import ProjectContext
from hygge.project import hygiene
from hygge.project.assembly import Assembly
from hygge.project.diagnostics import Diagnostic, Report, gathered
from hygge.project.layers import Layers, base, overlaid
from hygge.project.layout import Files, read_files
from hygge.project.rules import check_flows, check_order, unused
from hygge.project.tree import Span
from hygge.project.variables import Variables


def check(root: Path) -> Report:
    """Return everything that is wrong with the project in `root`, told once each.

    Reads every file and every environment. Needs no variable, no driver and no network.
    """
    root = root.resolve()
    files = read_files(root)
    found = [*files.diagnostics, *hygiene.check_env_files(root)]
    secrets: list[Span] = []
    for env in (None, *sorted(files.folders["environments"])):
        layers, wrong = layers_of(files, env)
        assembly, more = check_layers(root, layers)
        found += [*wrong, *more]
        secrets += assembly.secrets
    return Report(
        gathered(found, files.texts, secrets),
        homes=len(files.folders["homes"]),
        stores=len(files.folders["stores"]),
        flows=len(files.folders["flows"]),
        environments=len(files.folders["environments"]),
    )


def layers_of(files: Files, env: str | None) -> tuple[Layers, list[Diagnostic]]:
    """Return the project with an environment laid over it, which must be there."""
    layers, found = base(files)
    if env is None:
        return layers, found
    layers, more = overlaid(layers, files.folders["environments"][env])
    return layers, [*found, *more]


def check_layers(root: Path, layers: Layers) -> tuple[Assembly, list[Diagnostic]]:
    """Return what is wrong with a project in one environment, with the assembly that found it."""
    assembly = Assembly(layers, Variables(root))
    assembly.settings()
    for name in layers.homes:
        assembly.home(name)
    for name in layers.stores:
        assembly.store(name)
    maybe = [assembly.draft(name) for name in sorted(layers.flows)]
    drafts = [draft for draft in maybe if draft is not None]
    found = [*check_flows(drafts, ProjectContext(root)), *check_order(drafts, layers.flows)]
    if len(drafts) == len(maybe):
        homes = {name: one.start for name, one in layers.homes.items()}
        stores = {name: one.start for name, one in layers.stores.items()}
        found += unused("home", homes, {draft.home.name or "" for draft in drafts})
        found += unused("store", stores, {draft.store.name or "" for draft in drafts})
    return assembly, [*assembly.found, *assembly.variables.found, *found]
