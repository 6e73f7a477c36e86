"""The models of `hygge.yml`, flows and environments."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_core import PydanticCustomError as _WrongShape

from hygge.settings.move import Bytes, DefaultSettings, MoveSettings, Names, Settings


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
        raise ValueError("a name holds no line breaks or control characters")
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
    """What the project calls itself; the directory's name by default."""
    defaults: DefaultSettings = DefaultSettings()
    """Keys for every flow; a flow may override each."""
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 4
    """Moves that run at once."""
    memory_limit: Bytes = 10**9
    """Memory for the data of the whole run, in Arrow bytes, written like `1GB`."""
    mask_salt: Annotated[SecretStr, Field(min_length=8)] | None = None
    """The secret of `mask: hash`: with another one, equal values get other hashes."""
    protected: bool = False
    """Whether `hygge go --full-refresh`, which replaces what stores hold, must be allowed."""


class EntitySettings(MoveSettings):
    """An item of a flow's `entities`: a name or glob, and any key that overrides the flow's."""

    name: EntityName
    """The entity's name in its home, or a glob like `public.*`."""
    into: EntityName | None = None
    """The entity's name in the store, when it is another one."""


class FlowSettings(MoveSettings):
    """What `flows/<name>.yml` says."""

    home: Reference = None
    """The home to read: a name, or a mapping with its own `type:`. The only one by default."""
    store: Reference = None
    """The store to write: a name, or a mapping with its own `type:`. The only one by default."""
    entity: EntityName | None = None
    """The entity to move; the flow's name by default."""
    into: EntityName | None = None
    """The entity's name in the store, when it is another one."""
    entities: Annotated[
        tuple[EntitySettings, ...],
        BeforeValidator(
            _named, json_schema_input_type=EntityName | list[EntityName | EntitySettings]
        ),
    ] = ()
    """Several entities: names, globs, or mappings with any key that a flow may have."""
    exclude: Names = ()
    """Globs of entities to leave out."""
    snapshot: Literal["entity", "shared"] = "entity"
    """Read each entity at an instant of its own, or all entities of the flow at one instant."""
    tags: Names = ()
    """Words to select flows by: `hygge go --tag daily`."""
    after: Names = ()
    """Flows that run before this one; it is skipped when one of them fails."""
    enabled: bool = True
    """Whether `hygge go` runs it without being asked by name."""


class OverlaySettings(Settings):
    """What `environments/<name>.yml` says: what differs from the project's other files."""

    defaults: dict[str, Any] = Field(default_factory=dict)
    """Keys laid over `defaults` of hygge.yml."""
    concurrency: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Moves that run at once."""
    memory_limit: Bytes | None = None
    """Memory for the data of the whole run, written like `1GB`."""
    protected: bool | None = None
    """Whether `hygge go --full-refresh`, which replaces what stores hold, must be allowed."""
    homes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Keys laid over homes/<name>.yml, by the home's name."""
    stores: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Keys laid over stores/<name>.yml, by the store's name."""
    flows: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Keys laid over flows/<name>.yml, by the flow's name."""


@cache
def move_keys() -> frozenset[str]:
    """Return the keys that a flow and each of its entities share."""
    return frozenset(MoveSettings.model_fields)
