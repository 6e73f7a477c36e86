"""Output of `hygge list` and `hygge show`: a project, and a resolved flow with origins."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hygge.console.output import Output
from hygge.console.table import Column, show_table
from hygge.console.text import clean
from hygge.project import ConnectorOutline, FlowOutline, Project
from hygge.project.origins import Shown
from hygge.values.redact import redact, redact_values

_WIDEST = 48


def show_project(project: Project, output: Output) -> None:
    """Print the flows, homes and stores, each as a table."""
    flows = list(project.flows.values())
    if flows:
        show_table(_flow_columns(flows), output)
    else:
        output.line("  no flows yet: hygge new flow NAME")
    for title, outlines in (("home", project.homes), ("store", project.stores)):
        if outlines:
            output.line()
            show_table(_connector_columns(title, list(outlines.values())), output)


def _flow_columns(flows: Sequence[FlowOutline]) -> list[Column]:
    states = ["" if flow.enabled else "disabled" for flow in flows]
    columns = [
        Column("flow", [clean(flow.name) for flow in flows], shrinks=True),
        Column("from", [clean(flow.home_name) for flow in flows], shrinks=True),
        Column("to", [clean(flow.store_name) for flow in flows], shrinks=True),
        Column("entities", [clean(", ".join(flow.entities)) for flow in flows], shrinks=True),
        Column("after", [clean(", ".join(flow.after)) for flow in flows], shrinks=True, drop=2),
        Column("tags", [clean(", ".join(flow.tags)) for flow in flows], shrinks=True, drop=3),
        Column("state", states),
    ]
    return [column for column in columns if any(column.cells)]


def _connector_columns(title: str, outlines: Sequence[ConnectorOutline]) -> list[Column]:
    return [
        Column(title, [clean(one.name) for one in outlines]),
        Column("type", [clean(one.type) for one in outlines]),
        Column("file", [clean(one.file) for one in outlines], shrinks=True, drop=1),
    ]


def project_fields(project: Project) -> dict[str, Any]:
    """Return the same for a program."""
    return {
        "name": project.name,
        "root": str(project.root),
        "env": project.env,
        "flows": [_flow_fields(flow) for flow in project.flows.values()],
        "homes": _connector_fields(project.homes),
        "stores": _connector_fields(project.stores),
    }


def _flow_fields(flow: FlowOutline) -> dict[str, Any]:
    return {
        "name": flow.name,
        "file": flow.file,
        "home": flow.home_name,
        "store": flow.store_name,
        "entities": list(flow.entities),
        "after": list(flow.after),
        "tags": list(flow.tags),
        "enabled": flow.enabled,
    }


def _connector_fields(outlines: Mapping[str, ConnectorOutline]) -> list[dict[str, str]]:
    return [{"name": one.name, "type": one.type, "file": one.file} for one in outlines.values()]


def show_settings(settings: Sequence[Shown], output: Output) -> None:
    """Print a resolved flow as YAML, each line followed by the origin of its value."""
    lines = [_line(one) for one in settings]
    width = min(max(map(len, lines), default=0), _WIDEST)
    for line, one in zip(lines, settings, strict=True):
        origin = output.paint(f"# {clean(one.origin)}", "dim") if one.origin else ""
        output.line(f"{line.ljust(width)}  {origin}".rstrip())


def _line(one: Shown) -> str:
    dash = "- " if one.opens_item else ""
    indent = "  " * one.level
    if one.is_heading:
        return f"{indent}{dash}{clean(one.key)}:"
    return f"{indent}{dash}{clean(one.key)}: {clean(redact(_yaml(one.value)))}"


def _yaml(value: object) -> str:
    """Return a value as YAML on one line that parses to the same value."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_yaml(item) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(k)}: {_yaml(v)}" for k, v in value.items()) + "}"
    return json.dumps(value)


def _text(value: str) -> str:
    from hygge.project.yaml_parser import parse

    parsed = parse(f"[{value}]", "")
    items = parsed.node.items if parsed.node and not parsed.diagnostics else ()
    is_plain = len(items) == 1 and items[0].value == value
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def settings_fields(settings: Sequence[Shown]) -> object:
    """Return a resolved flow for a program: one object for each value."""
    values = [
        {"key": one.path, "value": one.value, "origin": one.origin}
        for one in settings
        if not one.is_heading
    ]
    return redact_values(values)
