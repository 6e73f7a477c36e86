"""The catalog of connector types and their options, read from their classes."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from hygge.connector import ConnectorConfig, HomeConfig, StoreConfig
from hygge.errors import ConfigError, UsageError
from hygge.registry import Registry
from hygge.settings.move import parse_bytes, parse_seconds, parse_share
from hygge.values.described import description_of

_WRITTEN: Mapping[object, str] = {
    parse_bytes: "size",
    parse_seconds: "duration",
    parse_share: "share",
}


@dataclass(frozen=True, slots=True)
class Option:
    """One YAML key of a type."""

    name: str
    type: str
    """Type for messages: `text`, `number`, `a | b`, `list of text`."""
    default: str | None
    """Default as written in YAML; None when the key is required."""
    description: str


@dataclass(frozen=True, slots=True)
class ConnectorType:
    """A home or store type."""

    kind: str
    """`home` or `store`."""
    name: str
    description: str
    """The first sentence of its class, or why it cannot be used."""
    notes: str = ""
    """The rest of its docstring, in Markdown."""
    options: tuple[Option, ...] = ()
    missing: tuple[str, ...] = ()
    """Drivers that are not installed."""
    extra: str | None = None
    """The extra that installs them."""
    can: tuple[str, ...] = ()
    """Modes of a store; for a home the optional keys of a flow that it supports."""
    is_broken: bool = False
    """Whether its package cannot be imported."""

    @property
    def install(self) -> str | None:
        """The command that installs the missing drivers; None when nothing is missing."""
        if not self.missing:
            return None
        what = f"'hygge-data[{self.extra}]'" if self.extra else " ".join(self.missing)
        return f"pip install {what}"


def connector_types() -> list[ConnectorType]:
    """Return every type, homes first; the description of a broken package gives the reason."""
    homes = [_read(HomeConfig.registry, "home", name) for name in HomeConfig.registry.names()]
    stores = [_read(StoreConfig.registry, "store", name) for name in StoreConfig.registry.names()]
    return [*homes, *stores]


def find_types(name: str) -> list[ConnectorType]:
    """Return the home and the store called `name`; raise `UsageError` when there is neither."""
    found = [one for one in connector_types() if one.name == name]
    if not found:
        names = sorted({*HomeConfig.registry.names(), *StoreConfig.registry.names()})
        near = HomeConfig.registry.nearest(name) or StoreConfig.registry.nearest(name)
        guess = f"; did you mean '{near}'?" if near else ""
        raise UsageError(f"there is no type '{name}'{guess}", hint=f"types: {', '.join(names)}")
    return found


def _read(
    registry: Registry[HomeConfig] | Registry[StoreConfig], kind: str, name: str
) -> ConnectorType:
    try:
        config: type[ConnectorConfig] = registry.find(name)
    except ConfigError as error:
        return ConnectorType(kind, name, error.message, is_broken=True)
    return ConnectorType(
        kind=kind,
        name=name,
        description=_first_sentence(config),
        notes=_notes(config),
        options=tuple(one for one in options_of(config) if one.name != "type")
        + tuple(_inner_options(config)),
        missing=(*config.missing_drivers(), *config.missing_libraries()),
        extra=config.extra,
        can=_abilities(config),
    )


def _abilities(config: type[ConnectorConfig]) -> tuple[str, ...]:
    if issubclass(config, StoreConfig):
        return tuple(sorted(config.modes))
    return tuple(sorted(config.can)) if issubclass(config, HomeConfig) else ()


def _first_sentence(config: type) -> str:
    text = " ".join(inspect.cleandoc(config.__doc__ or "").split("\n\n")[0].split())
    sentence, stop, _ = text.partition(". ")
    return sentence + stop.strip()


def _notes(config: type) -> str:
    first, _, rest = inspect.cleandoc(config.__doc__ or "").partition("\n\n")
    more = " ".join(first.split()).partition(". ")[2]
    return "\n\n".join(part for part in (more, rest) if part)


def options_of(model: type[BaseModel]) -> tuple[Option, ...]:
    """Return the keys of a block of YAML."""
    return tuple(_option(model, name) for name in model.model_fields)


def _inner_options(
    model: type[BaseModel], above: str = "", seen: set[type] | None = None
) -> Iterator[Option]:
    """Yield the keys of mappings inside a block: `auth.bearer`, `entities.NAME.path`.

    A mapping that was shown, or repeats keys of the block itself as settings of single entities do,
    is left out.
    """
    known, seen = set(model.model_fields), set() if seen is None else seen
    for name, field in model.model_fields.items():
        for inner, is_named in _models_in(field.annotation):
            if inner in seen or set(inner.model_fields) <= known:
                continue
            seen.add(inner)
            way = f"{above}{field.alias or name}.{'NAME.' if is_named else ''}"
            for one in options_of(inner):
                yield replace(one, name=f"{way}{one.name}")
            yield from _inner_options(inner, way, seen)


def _models_in(annotation: object, *, is_named: bool = False) -> Iterator[tuple[Any, bool]]:
    """Yield the models of a type, and whether they are values of a mapping."""
    origin = get_origin(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, is_named
    elif origin is Annotated:
        yield from _models_in(get_args(annotation)[0], is_named=is_named)
    elif origin is dict:
        yield from _models_in(get_args(annotation)[1], is_named=True)
    elif origin in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from _models_in(one, is_named=is_named)


def _option(model: type[BaseModel], name: str) -> Option:
    field = model.model_fields[name]
    return Option(
        name=field.alias or name,
        type=_type_text(field.annotation, field.metadata),
        default=None if field.is_required() else _default_text(field),
        description=" ".join((description_of(model, name) or "").split()),
    )


def _default_text(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and _type_text(field.annotation, field.metadata) == "duration":
        return f"{value:g}s"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, list | tuple | set | frozenset):
        return f"[{', '.join(str(item) for item in value)}]"
    if isinstance(value, BaseModel):
        return f"{{{', '.join(f'{key}: {one}' for key, one in value)}}}"
    if isinstance(value, str):
        return value if value.strip() == value and value.isprintable() and value else f"{value!r}"
    return "{}" if value == {} else str(value)


def _type_text(annotation: object, metadata: list[object] | tuple[object, ...] = ()) -> str:
    for item in metadata:
        if isinstance(item, BeforeValidator) and item.func in _WRITTEN:
            return _WRITTEN[item.func]
    if hidden := getattr(annotation, "__metadata__", None):
        return _type_text(get_args(annotation)[0], hidden)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(str(value) for value in arguments)
    if origin in (Union, types.UnionType):
        words = [_type_text(item) for item in arguments if item is not types.NoneType]
        return " | ".join(dict.fromkeys(words))
    if origin in (list, tuple, set, frozenset):
        return f"list of {_type_text(arguments[0])}" if arguments else "list"
    if origin is dict:
        return f"mapping of {_type_text(arguments[1])}"
    return _plain_text(annotation)


def _plain_text(annotation: object) -> str:
    names = {str: "text", bool: "true | false", int: "number", float: "number", dict: "mapping"}
    names |= {SecretStr: "secret", SecretBytes: "secret"}
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " | ".join(str(member.value) for member in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    if annotation in names:
        return names[annotation]
    return getattr(annotation, "__name__", "text").lower()
