"""What every home of text files shares: compression, and settings of single entities."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, ValidationError, WithJsonSchema, field_validator, model_validator

from hygge.connector import ProjectContext
from hygge.connectors.files.reading.home import FileHome, FileHomeConfig
from hygge.connectors.files.reading.packing import COMPRESSIONS
from hygge.values.model import Finding

_SHARED = frozenset({"type", "path", "entities"})
"""Settings that an entity cannot override."""


_NO_TYPE = {"type": "object", "properties": {"type": {"not": {}}}}
_Settings = Annotated[dict[str, Any], WithJsonSchema(_NO_TYPE)]
"""Settings of a home except `type`, which all entities share."""


class TextHomeConfig(FileHomeConfig, ABC):
    """Settings of every home that reads files of text."""

    compressions: ClassVar[tuple[str, ...]] = COMPRESSIONS

    entities: dict[str, _Settings] = Field(default_factory=dict)
    """Settings of single entities, by name or glob, that override those of the home. Example:
    `{orders: {encoding: cp1252}}`. The first matching glob applies.
    """

    @field_validator("entities")
    @classmethod
    def _check_keys(cls, entities: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        known = [name for name in cls.model_fields if name not in _SHARED]
        for entity, settings in entities.items():
            for name in settings.keys() - set(known):
                near = get_close_matches(name, known, n=1)
                guess = f"; did you mean '{near[0]}'?" if near else ""
                raise ValueError(f"entity '{entity}' has the unknown key '{name}'{guess}")
        return entities

    @model_validator(mode="after")
    def _check_entities(self) -> Self:
        for entity, settings in self.entities.items():
            try:
                self._with(settings)
            except ValidationError as error:
                first = error.errors(include_url=False, include_context=False)[0]
                where = ".".join(str(step) for step in first["loc"])
                what = first["msg"].removeprefix("Value error, ")
                raise ValueError(f"entity '{entity}': {where}: {what}") from error
        return self

    def of(self, entity: str) -> Self:
        """Return the effective settings of one entity."""
        found = self.entities.get(entity)
        if found is None:
            matching = (s for glob, s in self.entities.items() if fnmatchcase(entity, glob))
            found = next(matching, None)
        return self if found is None else self._with(found)

    def _with(self, settings: dict[str, Any]) -> Self:
        given = {name: getattr(self, name) for name in self.model_fields_set - {"entities"}}
        return self.model_validate({**given, **settings})


class TextHome(FileHome, ABC):
    """A directory of text files."""

    def __init__(self, config: TextHomeConfig, context: ProjectContext) -> None:
        super().__init__(config, context)
        self._single = tuple(config.entities)

    def examine(self) -> Iterator[Finding]:
        """Yield the findings for all files, and settings of unknown entities."""
        yield from super().examine()
        names = self.entities()
        for glob in self._single:
            if names and not any(fnmatchcase(name, glob) for name in names):
                yield Finding(
                    f"`entities` has settings for '{glob}', which matches no entity",
                    "warning",
                    f"fix the name in the home; entities: {', '.join(names[:10])}",
                )
