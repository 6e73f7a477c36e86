"""A new flow between a home and a store that the project has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hygge.connector import StoreConfig
from hygge.errors import UsageError
from hygge.project.diagnostics import did_you_mean
from hygge.project.layout import Files, read_files
from hygge.project.models import FlowSettings
from hygge.scaffold.changes import Wanted
from hygge.scaffold.checking import check_settings
from hygge.scaffold.naming import check_name
from hygge.scaffold.schemas import with_schema
from hygge.scaffold.templates import find_template, render


@dataclass(frozen=True, slots=True)
class NewFlow:
    """What `hygge new flow` was asked for."""

    name: str
    home: str | None = None
    store: str | None = None
    entities: tuple[str, ...] = ()
    mode: str | None = None
    primary_key: tuple[str, ...] = ()


def flow_files(project: Path, wanted: NewFlow) -> list[Wanted]:
    """Return the flow's file.

    Raises `UsageError` for a name that will not do, a home or store that the project lacks, and
    settings that a flow, or the store, cannot have.
    """
    check_name("flow", wanted.name)
    files = read_files(project)
    home, store = _chosen(files, "home", wanted.home), _chosen(files, "store", wanted.store)
    _check_mode(files, store, wanted.mode)
    entities = [] if wanted.entities == (wanted.name,) else list(wanted.entities)
    values: dict[str, object] = {
        "name": wanted.name,
        "home": home,
        "store": store,
        "entities": entities,
        "mode": wanted.mode,
        "primary_key": list(wanted.primary_key),
    }
    name, text = find_template("flow", None, project)
    file = with_schema(Wanted(f"flows/{wanted.name}.yml", render(name, text, values)))
    check_settings(FlowSettings, file, "a flow", "hygge new flow --help")
    return [file]


def _chosen(files: Files, kind: str, name: str | None) -> str:
    """Return the home or store that was named, or the only one there is."""
    known = sorted(files.folders[f"{kind}s"])
    make = f"hygge new {kind} NAME --type TYPE key=value …"
    if name is None and len(known) == 1:
        return known[0]
    if not known:
        raise UsageError(f"the project has no {kind} yet", hint=make)
    if name is None:
        raise UsageError(
            f"the project has {len(known)} {kind}s; say which one", hint=f"--{kind} {known[0]}"
        )
    if name not in known:
        raise UsageError(
            f"the project has no {kind} '{name}'{did_you_mean(name, known)}",
            hint=f"{kind}s: {', '.join(known)}; a new one:  {make}",
            code="HG202" if kind == "home" else "HG203",
        )
    return name


def _check_mode(files: Files, store: str, mode: str | None) -> None:
    """Refuse a mode that the store lacks; a store that is broken is `validate`'s to tell."""
    node = files.folders["stores"][store].parsed.node
    type_name = node.entries["type"].text if node and "type" in node.entries else None
    if mode is None or type_name not in StoreConfig.registry.names():
        return
    modes = sorted(StoreConfig.registry.find(type_name).modes)
    if mode not in modes:
        raise UsageError(
            f"store '{store}' has no mode '{mode}'{did_you_mean(mode, modes)}",
            hint=f"its modes: {', '.join(modes)}",
            code="HG209",
        )
