"""New flows between an existing home and store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hygge.connector import StoreConfig
from hygge.errors import UsageError
from hygge.project.diagnostics import did_you_mean
from hygge.project.files import Files, read_files
from hygge.project.models import FlowSettings
from hygge.scaffold.changes import Wanted
from hygge.scaffold.editor_schemas import with_schema
from hygge.scaffold.name_check import check_path
from hygge.scaffold.rendered_check import check_settings, parsed_node
from hygge.scaffold.templates import find_template, render


@dataclass(frozen=True, slots=True)
class NewFlow:
    """Parameters of `hygge new flow`."""

    name: str
    home: str | None = None
    store: str | None = None
    entities: tuple[str, ...] = ()
    into: str | None = None
    """Name in the store of the only entity."""
    mode: str | None = None
    primary_key: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    """Lines about the entity in the home, for a comment."""
    key: tuple[str, ...] = ()
    """The home's primary key, for a comment."""
    watermarks: tuple[str, ...] = ()
    """Candidates for the watermark column, most likely first, for a comment."""


def flow_files(project: Path, wanted: NewFlow) -> list[Wanted]:
    """Return the flow's file.

    Its name may begin with folders, like `sales/daily`. Raises `UsageError` for an invalid name, an
    unknown home or store, and invalid settings.
    """
    flow = check_path("flow", wanted.name)
    files = read_files(project)
    home, store = chosen(files, "home", wanted.home), chosen(files, "store", wanted.store)
    _check_mode(files, store, wanted.mode)
    entities = [] if wanted.entities == (flow,) else list(wanted.entities)
    values: dict[str, object] = {
        "name": flow,
        "home": home,
        "store": store,
        "entities": entities,
        "into": wanted.into,
        "mode": wanted.mode,
        "primary_key": list(wanted.primary_key),
        "found": list(wanted.found),
        "key": list(wanted.key),
        "watermarks": list(wanted.watermarks),
    }
    name, text = find_template("flow", None, project)
    file = with_schema(Wanted(f"flows/{wanted.name}.yml", render(name, text, values)))
    check_settings(FlowSettings, file, "a flow", "hygge new flow --help")
    _check_said(file, values)
    return [file]


def _check_said(file: Wanted, values: Mapping[str, object]) -> None:
    """Raise when a template of the project omits a given setting."""
    said = parsed_node(file).entries
    entities = values["entities"]
    keys = {key: values[key] for key in ("home", "store", "into", "mode", "primary_key")}
    keys["entity" if isinstance(entities, list) and len(entities) == 1 else "entities"] = entities
    lost = [key for key, value in keys.items() if value and key not in said]
    if lost:
        raise UsageError(
            f"the template does not use {', '.join(lost)}",
            hint="use them in templates/flow.yml.j2, or remove that file to use the built-in "
            "template",
        )


def chosen(files: Files, kind: str, name: str | None) -> str:
    """Return the named home or store, or the only one."""
    known = sorted(files.folders[f"{kind}s"])
    make = f"hygge new {kind} NAME --type TYPE key=value"
    if name is None and len(known) == 1:
        return known[0]
    if not known:
        raise UsageError(f"the project has no {kind} yet", hint=make)
    if name is None:
        raise UsageError(
            f"the project has {len(known)} {kind}s; name one", hint=f"--{kind} {known[0]}"
        )
    if name not in known:
        raise UsageError(
            f"the project has no {kind} '{name}'{did_you_mean(name, known)}",
            hint=f"{kind}s: {', '.join(known)}; a new one:  {make}",
            code="HG202" if kind == "home" else "HG203",
        )
    return name


def _check_mode(files: Files, store: str, mode: str | None) -> None:
    """Reject a mode that the store lacks; a broken store is reported by `validate`."""
    node = files.folders["stores"][store].parsed.node
    type_name = node.entries["type"].text if node and "type" in node.entries else None
    if mode is None or type_name not in StoreConfig.registry.names():
        return
    modes = sorted(StoreConfig.registry.find(type_name).modes)
    if mode not in modes:
        raise UsageError(
            f"store '{store}' does not support mode '{mode}'{did_you_mean(mode, modes)}",
            hint=f"its modes: {', '.join(modes)}",
            code="HG209",
        )
