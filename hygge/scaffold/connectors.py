"""New homes and stores: from `key=value` words and the type's template to a checked file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from hygge.connector import HomeConfig, StoreConfig
from hygge.errors import ConfigError, UsageError
from hygge.project.literal_secrets import holds_password, is_literal_secret
from hygge.project.nodes import plain
from hygge.project.validation import secrets_at
from hygge.project.variables import mentions
from hygge.project.yaml_parser import parse
from hygge.project.yaml_scalars import resolve
from hygge.registry import Registry
from hygge.scaffold.changes import Wanted
from hygge.scaffold.editor_schemas import with_schema
from hygge.scaffold.name_check import check_path
from hygge.scaffold.quoting import quoted
from hygge.scaffold.rendered_check import check_settings, check_yaml
from hygge.scaffold.templates import find_template, render
from hygge.values.described import description_of
from hygge.values.redact import learn

_Loc = tuple[int | str, ...]

_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class NewConnector:
    """Parameters of `hygge new home` and `hygge new store`."""

    kind: Literal["home", "store"]
    name: str
    type: str
    fields: tuple[str, ...] = ()
    """Words of the form `key=value`; a value in brackets is a list or a mapping."""


def connector_files(project: Path, wanted: NewConnector) -> list[Wanted]:
    """Return the connector's file, and the variables it adds to `.env.example`.

    Raises `UsageError` for an invalid name, type, key or value.
    """
    check_path(wanted.kind, wanted.name)
    registry = HomeConfig.registry if wanted.kind == "home" else StoreConfig.registry
    model = _model(registry, wanted.type)
    given = _values(model, wanted)
    path = f"{wanted.kind}s/{wanted.name}.yml"
    _refuse_secrets(model, wanted, given)
    file = with_schema(Wanted(path, _text(project, wanted, model, given)))
    check_yaml([file])
    subject = f"a {wanted.kind} of type '{wanted.type}'"
    check_settings(model, file, subject, f"hygge types {wanted.type}")
    _check_said(file, given)
    names = dict.fromkeys(_VARIABLE.findall(" ".join(wanted.fields)))
    lines = "".join(f"{name}=\n" for name in names)
    return [file, Wanted(".env.example", lines, adds=True)] if lines else [file]


def _model(registry: Registry[Any], type_name: str) -> type[BaseModel]:
    try:
        model: type[BaseModel] = registry.find(type_name)
    except ConfigError as error:
        if error.code != "HG104":
            raise
        raise UsageError(error.message, hint=error.hint, code=error.code) from error
    return model


def _refuse_secrets(model: type[BaseModel], wanted: NewConnector, given: Mapping[str, Any]) -> None:
    """Reject a literal secret, because the file belongs in a repository."""
    for loc, value in _leaves(given, ()):
        if not isinstance(value, str) or not value:
            continue
        key = ".".join(map(str, loc))
        name = f"{PurePosixPath(wanted.name).name}_{loc[-1]}".upper()
        if holds_password(value) and is_literal_secret(value):
            raise UsageError(
                f"'{key}' contains a password; secrets must not be written into files",
                hint=f"write  …://user:${{{name}_PASSWORD}}@…  in single quotes, and put "
                f"{name}_PASSWORD=… into .env",
                code="HG401",
            )
        if secrets_at(model, loc) and not mentions(value):
            learn(value)
            raise UsageError(
                f"'{key}' is a secret; secrets must not be written into files",
                hint=f"write  ${{{name}}}  instead, in single quotes, and put {name}=… into .env",
                code="HG401",
            )


def _leaves(value: object, loc: _Loc) -> Iterator[tuple[_Loc, object]]:
    """Yield the scalars in a value, each with its path."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*loc, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, (*loc, number))
    else:
        yield loc, value


def _values(model: type[BaseModel], wanted: NewConnector) -> dict[str, Any]:
    """Return the values typed as the config class accepts them, else as text."""
    texts: dict[str, str] = {}
    for key, text in (_pair(word, wanted) for word in wanted.fields):
        if key in texts or key == "type":
            said = "--type" if key == "type" else f"{key}=… before"
            raise UsageError(f"'{key}' is set twice; {said} also sets it", hint="set it once")
        texts[key] = text
    values = {key: _typed(text) for key, text in texts.items()}
    values |= {key: texts[key] for key in _refused(model, wanted.type, values) & set(texts)}
    flags = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    for key, info in model.model_fields.items():
        if info.annotation in (bool, bool | None) and texts.get(key) in flags:
            values[key] = flags[texts[key]]
    return values


def _refused(model: type[BaseModel], type_name: str, values: Mapping[str, Any]) -> set[str]:
    try:
        model.model_validate({"type": type_name, **values})
    except ValidationError as error:
        return {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
    return set()


def _pair(word: str, wanted: NewConnector) -> tuple[str, str]:
    key, sign, value = word.partition("=")
    if not sign or not key.strip():
        raise UsageError(
            f"'{word}' is not key=value",
            hint=f"hygge new {wanted.kind} {wanted.name} --type {wanted.type} key=value",
        )
    return key.strip(), value


def _typed(text: str) -> object:
    """Return `text` parsed as YAML; invalid YAML is text, like `{entity}/x`."""
    if not text.startswith(("[", "{")):
        return resolve(text)
    parsed = parse(text, "value")
    return text if parsed.node is None else plain(parsed.node)


def _text(
    project: Path, wanted: NewConnector, model: type[BaseModel], given: Mapping[str, Any]
) -> str:
    name, text = find_template(f"{wanted.kind}/{wanted.type}", f"{wanted.kind}/any", project)
    values: dict[str, object] = {
        "name": wanted.name,
        "type": wanted.type,
        "given": dict(given),
        "fields": [_described(model, key) for key in model.model_fields],
    }
    return render(name, text, values, _functions(given)).rstrip() + "\n"


def _described(model: type[BaseModel], key: str) -> dict[str, object]:
    """Return the template variables of a field."""
    info = model.model_fields[key]
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    sentence = " ".join((description_of(model, key) or "").split("\n\n")[0].split())
    return {
        "name": info.alias or key,
        "required": info.is_required(),
        "default": _in_yaml(default),
        "about": sentence,
    }


def _in_yaml(default: object) -> str:
    try:
        return quoted(default)
    except TypeError:
        return "…"


def _functions(given: Mapping[str, Any]) -> dict[str, Callable[..., str]]:
    """Return the template functions `option(key, example)` and `others()`."""
    written: set[str] = {"type"}

    def option(key: str, example: str, about: str = "") -> str:
        written.add(key)
        line = f"{key}: {quoted(given[key])}" if key in given else f"# {key}: {example}"
        return f"{line:<27} # {about}" if about else line

    def others() -> str:
        left = [key for key in given if key not in written]
        return "\n".join(f"{key}: {quoted(given[key])}" for key in left)

    return {"option": option, "others": others}


def _check_said(file: Wanted, given: Mapping[str, Any]) -> None:
    """Raise when a template of the project omits a given value."""
    node = parse(file.text, file.path).node
    said = plain(node) if node else {}
    lost = [key for key, value in given.items() if said.get(key) != value]
    if lost:
        raise UsageError(
            f"the template does not use {', '.join(lost)}",
            hint="call option(key, example) in it, or end it with {{ others() }}",
        )
