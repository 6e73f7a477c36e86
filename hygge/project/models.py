"""The models of `hygge.yml`, flows and environments."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_core import PydanticCustomError as _WrongShape

from hygge.settings.move import Bytes, DefaultSettings, MoveSettings, Names, Settings
from hygge.settings.notify import NotifySettings


def _reference(value: object) -> object:
    if isinstance(value, str | Mapping):
        return value
    raise _WrongShape("wrong_shape", "write a name, or a mapping with its own `type:`")


def _named(value: object) -> object:
    """Convert names to mappings, so that every item of `entities` has one shape."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        raise _WrongShape("wrong_shape", "write a list of names, globs or mappings")
    return [{"name": item} if isinstance(item, str) else item for item in value]


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("a name cannot contain line breaks or control characters")
    return value


_MOST_LETTERS = 255
EntityName = Annotated[
    str, Field(min_length=1, max_length=_MOST_LETTERS), AfterValidator(_printable)
]
"""The name of an entity: any printable text."""
Reference = Annotated[Any, BeforeValidator(_reference, json_schema_input_type=str | dict[str, Any])]
"""The name of a home or store, or an inline mapping of one."""


def is_entity_name(text: str) -> bool:
    """Return whether a text is an `EntityName`."""
    return 0 < len(text) <= _MOST_LETTERS and text.isprintable()


class ProjectSettings(Settings):
    """What `hygge.yml` says."""

    name: Annotated[str, Field(min_length=1)] | None = None
    """Name of the project; by default the name of its directory."""
    defaults: DefaultSettings = DefaultSettings()
    """Defaults for the keys of all flows."""
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 4
    """Maximum number of concurrent moves."""
    memory_limit: Bytes = 10**9
    """Maximum memory for the data of the whole run, such as `1GB`."""
    mask_salt: Annotated[SecretStr, Field(min_length=8)] | None = None
    """The secret of `mask: hash`. With another secret, the same value has another hash."""
    protected: bool = False
    """Whether `hygge go --full-refresh` requires `--allow-protected`."""
    notify: tuple[NotifySettings, ...] = ()
    """Receivers of messages about runs: a list, each with `to: webhook`, `email` or `command`."""


class EntitySettings(MoveSettings):
    """An item of a flow's `entities`: a name or glob, and any key that overrides the flow's."""

    name: EntityName
    """Name of the entity in its home, or a glob such as `public.*`."""
    into: EntityName | None = None
    """Name of the entity in the store, if it differs."""


class FlowSettings(MoveSettings):
    """What `flows/<name>.yml` says."""

    home: Reference = None
    """The home to read: a name, or a mapping with a `type:`. By default the only home."""
    store: Reference = None
    """The store to write: a name, or a mapping with a `type:`. By default the only store."""
    entity: EntityName | None = None
    """The entity to move; by default the name of the flow."""
    into: EntityName | None = None
    """Name of the entity in the store, if it differs."""
    entities: Annotated[
        tuple[EntitySettings, ...],
        BeforeValidator(
            _named, json_schema_input_type=EntityName | list[EntityName | EntitySettings]
        ),
    ] = ()
    """Several entities: names, globs, or mappings with any key of an entity."""
    exclude: Names = ()
    """Globs of entities to exclude."""
    snapshot: Literal["entity", "shared"] = "entity"
    """`entity`: a consistent snapshot for each entity. `shared`: one for all entities of the
    flow."""
    tags: Names = ()
    """Tags by which flows can be selected: `hygge go --tag daily`."""
    after: Names = ()
    """Flows that run before this one. If one of them fails, this flow is skipped."""
    enabled: bool = True
    """Whether `hygge go` without names runs the flow."""


class OverlaySettings(Settings):
    """What `environments/<name>.yml` says: what differs from the project's other files."""

    defaults: dict[str, Any] = Field(default_factory=dict)
    """Keys that override `defaults` of hygge.yml."""
    concurrency: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Maximum number of concurrent moves."""
    memory_limit: Bytes | None = None
    """Maximum memory for the data of the whole run, such as `1GB`."""
    protected: bool | None = None
    """Whether `hygge go --full-refresh` requires `--allow-protected`."""
    notify: tuple[NotifySettings, ...] | None = None
    """Receivers of messages about runs, instead of those in hygge.yml."""
    homes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Keys that override homes/<name>.yml, by name of the home."""
    stores: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Keys that override stores/<name>.yml, by name of the store."""
    flows: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Keys that override flows/<name>.yml, by name of the flow."""


@cache
def move_keys() -> frozenset[str]:
    """Return the keys that a flow and each of its entities share."""
    return frozenset(MoveSettings.model_fields)
