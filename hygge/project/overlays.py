"""The project's files as one tree, with an environment's overrides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hygge.project.diagnostics import Diagnostic, diagnostic, did_you_mean
from hygge.project.files import FOLDERS, ROOT_FILE, Files, Found
from hygge.project.models import OverlaySettings
from hygge.project.nodes import Node, Span, merge
from hygge.project.validation import validate
from hygge.project.variables import Variables

_OVERLAID = ("homes", "stores", "flows")


@dataclass(frozen=True, slots=True)
class Described:
    """A home, store or flow, from its file and the environment."""

    name: str
    file: str
    node: Node | None
    """None when the file cannot be read, which is reported elsewhere."""

    @property
    def start(self) -> Span:
        """Position of the first character of the file."""
        return Span(self.file, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class Layers:
    """All files of the project, with an environment's overrides."""

    settings: Node
    homes: Mapping[str, Described]
    stores: Mapping[str, Described]
    flows: Mapping[str, Described]
    env: str | None = None
    locks: Mapping[str, Described] = field(default_factory=dict)
    """The lock files of flows, by the flow's name."""

    def folder(self, name: str) -> Mapping[str, Described]:
        """Return the homes, stores or flows, by folder name."""
        return {"homes": self.homes, "stores": self.stores, "flows": self.flows}[name]


def base(files: Files) -> tuple[Layers, list[Diagnostic]]:
    """Return the project without any environment."""
    found: list[Diagnostic] = []
    empty = Node({}, Span(ROOT_FILE, 1, 1, 1))
    settings = files.settings and _mapping(files.settings, "project", found)

    def described(folder: str) -> dict[str, Described]:
        return {
            name: Described(name, one.file, _mapping(one, FOLDERS[folder], found))
            for name, one in files.folders[folder].items()
        }

    homes, stores, flows = (described(folder) for folder in _OVERLAID)
    locks = {
        name: Described(name, one.file, _mapping(one, "lock file", found))
        for name, one in files.locks.items()
    }
    return Layers(settings or empty, homes, stores, flows, locks=locks), found


def _mapping(file: Found, kind: str, found: list[Diagnostic]) -> Node | None:
    """Return the mapping of a file, or None and a diagnostic."""
    node = file.parsed.node
    if node is None or isinstance(node.value, dict):
        return node
    shape = "a list" if isinstance(node.value, tuple) else "a single value"
    message = f"this {kind} must be a mapping, lines of 'key: value', not {shape}"
    help_text = "a file contains one; remove the leading '- '"
    help_text = help_text if shape == "a list" else "write key: value"
    text = node.text or ""
    if ":" in text:
        key = text.split()[0].partition(":")[0]
        help_text = f"a space is missing after the colon: {key}: …"
    found.append(diagnostic("HG101", message, node.span, help_text))
    return None


def overlaid(layers: Layers, environment: Found) -> tuple[Layers, list[Diagnostic]]:
    """Return the project with an environment's overrides, and diagnostics."""
    found: list[Diagnostic] = []
    node = _mapping(environment, "environment", found)
    if node is None:
        return replace(layers, env=environment.name), found
    found += validate(OverlaySettings, _known(node), "an environment")[1]
    settings = {key: child for key, child in node.entries.items() if key not in _OVERLAID}
    homes, stores, flows = (
        _laid_over(layers.folder(folder), node.entries.get(folder), folder, found)
        for folder in _OVERLAID
    )
    known = {key: child for key, child in settings.items() if key in OverlaySettings.model_fields}
    merged = merge(layers.settings, Node(known, node.span)) if known else layers.settings
    return replace(
        layers, settings=merged, homes=homes, stores=stores, flows=flows, env=environment.name
    ), found


def _known(overlay: Node) -> Node:
    """Return an environment with its variables marked, except in overrides of files."""
    fill = Variables(Path()).fill
    entries = overlay.entries.items()
    return replace(overlay, value={k: c if k in _OVERLAID else fill(c) for k, c in entries})


def _laid_over(
    base: Mapping[str, Described], overlay: Node | None, folder: str, found: list[Diagnostic]
) -> Mapping[str, Described]:
    if overlay is None:
        return base
    merged = dict(base)
    for name, changes in overlay.entries.items():
        if name not in base:
            kind = FOLDERS[folder]
            message = f"the project has no {kind} '{name}'{did_you_mean(name, base)}"
            hint = f"{folder}: {', '.join(sorted(base)) or 'none yet'}"
            found.append(diagnostic("HG304", message, changes.key or changes.span, hint))
            continue
        node = base[name].node
        if node is not None and isinstance(changes.value, dict):
            merged[name] = replace(base[name], node=merge(node, changes))
    return merged
