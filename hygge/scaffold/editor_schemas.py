"""JSON Schemas of a project's files, by which editors complete, explain and check them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue

from hygge.connector import ConnectorConfig, HomeConfig, StoreConfig
from hygge.errors import ConfigError
from hygge.project.files import ENDINGS, FOLDERS, ROOT_FILE
from hygge.project.models import FlowSettings, OverlaySettings, ProjectSettings
from hygge.registry import Registry
from hygge.scaffold.changes import Wanted
from hygge.scaffold.json_schema import DEFINITIONS, DIALECT, VARIABLE, reference, schemas_of
from hygge.settings.move import DefaultSettings

SCHEMA_FOLDER = ".hygge/schema"
_MARK = "yaml-language-server:"
_NAMES_ONLY = {"type": "string", "not": VARIABLE}
"""A text that must not contain a variable, because it defines the project's structure."""


def schema_line(file: str) -> str:
    """Return the comment that links a file to its schema; an empty string for other files.

    `file` is relative to the project's root, with `/` between names.
    """
    path = PurePosixPath(file)
    kind = "project" if file == ROOT_FILE else FOLDERS.get(path.parts[0])
    if kind is None or path.suffix not in ENDINGS:
        return ""
    up = "../" * (len(path.parts) - 1)
    return f"# yaml-language-server: $schema={up}{SCHEMA_FOLDER}/{kind}.json\n"


def schema_texts() -> dict[str, str]:
    """Return the text of every schema by file name, including third-party types."""
    return {f"{kind}.json": _text(schema) for kind, schema in schemas().items()}


def schemas() -> dict[str, JsonSchemaValue]:
    """Return the schema of each kind of file: project, home, store, flow and environment."""
    homes, stores = _Connectors(HomeConfig.registry), _Connectors(StoreConfig.registry)
    (project,), project_parts = schemas_of([ProjectSettings])
    return {
        "project": _whole("The settings of a hygge project", reference(project), project_parts),
        "home": _whole("A home: where data lives", homes.schema(), homes.definitions),
        "store": _whole("A store: where data rests", stores.schema(), stores.definitions),
        "flow": _flow(homes, stores),
        "environment": _environment(homes, stores),
    }


def _text(schema: JsonSchemaValue) -> str:
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _whole(
    title: str, schema: Mapping[str, Any], definitions: Mapping[str, Any]
) -> JsonSchemaValue:
    body = {"allOf": [dict(schema)]} if "$ref" in schema else dict(schema)
    parts = {**DEFINITIONS, **definitions}
    return {"$schema": DIALECT, "title": title, **body, "definitions": parts}


class _Connectors:
    """The types of homes, or of stores; one that cannot be imported has no options."""

    def __init__(self, registry: Registry[Any]) -> None:
        self.kind = registry.kind
        self.names = registry.names()
        models = {name: model for name in self.names if (model := _found(registry, name))}
        names, self.definitions = schemas_of(list(models.values()))
        self.by_type = dict(zip(models, names, strict=True))

    def schema(self) -> JsonSchemaValue:
        """Return the schema of a mapping with a `type` and the keys of that type."""
        return {
            "type": "object",
            "required": ["type"],
            "properties": {"type": self._type()},
            "allOf": list(self._choices()),
        }

    def partial(self) -> tuple[JsonSchemaValue, JsonSchemaValue]:
        """Return the schema of a mapping that overrides another one, and its definitions.

        No key is required; without a type it may have the keys of any type.
        """
        definitions = {
            name: {key: part for key, part in one.items() if key != "required"}
            for name, one in self.definitions.items()
        }
        known = [definitions[definition] for definition in self.by_type.values()]
        choices = {"type": self._type()} | _united(known)
        is_open = len(known) < len(self.names) or any(_is_open(one) for one in known)
        anything: JsonSchemaValue = {"properties": choices, "additionalProperties": is_open}
        schema: JsonSchemaValue = {
            "type": "object",
            "if": {"required": ["type"]},
            "then": {"properties": {"type": self._type()}, "allOf": list(self._choices())},
            "else": anything,
        }
        return schema, definitions

    def _type(self) -> JsonSchemaValue:
        return {"description": f"Which {self.kind} type this is.", "enum": self.names}

    def _choices(self) -> Iterable[JsonSchemaValue]:
        for name, definition in self.by_type.items():
            is_it = {"properties": {"type": {"const": name}}, "required": ["type"]}
            yield {"if": is_it, "then": reference(definition)}


def _found(registry: Registry[Any], name: str) -> type[ConnectorConfig] | None:
    try:
        model: type[ConnectorConfig] = registry.find(name)
    except ConfigError:
        return None
    return model


def _is_open(schema: JsonSchemaValue) -> bool:
    return bool(schema.get("additionalProperties", True))


def _united(schemas: Iterable[JsonSchemaValue]) -> dict[str, JsonSchemaValue]:
    """Return the union of the keys of several mappings and of their values."""
    found: dict[str, list[JsonSchemaValue]] = {}
    for schema in schemas:
        for key, one in schema.get("properties", {}).items():
            if key != "type" and one not in found.setdefault(key, []):
                found[key].append(one)
    return {key: ones[0] if len(ones) == 1 else {"anyOf": ones} for key, ones in found.items()}


def _flow(homes: _Connectors, stores: _Connectors) -> JsonSchemaValue:
    (name,), parts = schemas_of([FlowSettings])
    parts[name] = _with_sides(parts[name], "home", "store")
    definitions = {
        "home": homes.schema(),
        "store": stores.schema(),
        **homes.definitions,
        **stores.definitions,
        **parts,
    }
    return _whole("A flow: what moves from a home to a store", reference(name), definitions)


def _with_sides(flow: JsonSchemaValue, home: str, store: str) -> JsonSchemaValue:
    """Return the schema of a flow whose home and store are names, or mappings in place."""
    properties = dict(flow["properties"])
    for key, definition in (("home", home), ("store", store)):
        properties[key] = {
            "description": properties[key]["description"],
            "type": ["string", "object"],
            "if": {"type": "object"},
            "then": reference(definition),
            "else": _NAMES_ONLY,
        }
    properties["after"] = {
        "description": properties["after"]["description"],
        "anyOf": [_NAMES_ONLY, {"type": "array", "items": _NAMES_ONLY}],
    }
    return {**flow, "properties": properties}


def _environment(homes: _Connectors, stores: _Connectors) -> JsonSchemaValue:
    models: list[type[BaseModel]] = [
        OverlaySettings,
        FlowSettings,
        DefaultSettings,
        ProjectSettings,
    ]
    (overlay, flow, defaults, project), parts = schemas_of(models)
    written = parts.pop(project)["properties"]
    home, home_parts = homes.partial()
    store, store_parts = stores.partial()
    parts[flow] = _with_sides(parts[flow], "home", "store")
    properties = {key: written.get(key, one) for key, one in parts[overlay]["properties"].items()}
    changes = {"homes": "home", "stores": "store", "flows": flow}
    for key, definition in changes.items():
        properties[key] = {
            "description": properties[key]["description"],
            "type": "object",
            "additionalProperties": reference(definition),
        }
    description = properties["defaults"]["description"]
    properties["defaults"] = {"description": description, "allOf": [reference(defaults)]}
    parts[overlay] = {**parts[overlay], "properties": properties}
    definitions = {"home": home, "store": store, **home_parts, **store_parts, **parts}
    return _whole("What differs in an environment", reference(overlay), definitions)


def schema_files(folder: str = SCHEMA_FOLDER) -> list[Wanted]:
    """Return every schema as a file in `folder`, which is relative to where files are written."""
    prefix = f"{folder}/" if folder else ""
    return [
        Wanted(f"{prefix}{name}", text, is_generated=True) for name, text in schema_texts().items()
    ]


def with_schema(file: Wanted) -> Wanted:
    """Return `file` with the comment by which editors find its schema, unless it has one."""
    line = schema_line(file.path)
    if not line or file.adds or _MARK in file.text:
        return file
    return replace(file, text=line + file.text)
