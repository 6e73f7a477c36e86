"""Settings that every home of messages has."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from hygge.connector import Ability, HomeConfig

METADATA_PREFIX = "_message_"
"""Prefix of the columns of a message's metadata."""


class MessageHomeConfig(HomeConfig):
    """Settings of a home whose entities are streams, topics or queues of messages."""

    can: ClassVar = frozenset({Ability.POSITIONS})
    offers: ClassVar[tuple[str, ...]] = ()
    """The metadata that messages of this type have, without the prefix of its columns."""

    values: Literal["json", "text", "bytes"] = "json"
    """What a message contains: a `json` object, whose keys become columns, or `text` in UTF-8 or
    `bytes`, which become the column `value`."""
    metadata: tuple[str, ...] = ("id", "time")
    """Metadata to add as columns: `id` becomes the column `_message_id`."""
    max_messages: Annotated[int, Field(ge=1)] | None = None
    """Maximum messages of an entity in one move; the next move continues after them. By default all
    that are there when the move begins."""

    @field_validator("metadata")
    @classmethod
    def _check_metadata(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in cls.offers]
        if unknown:
            raise ValueError(
                f"no metadata '{unknown[0]}'; messages of this type have: {', '.join(cls.offers)}"
            )
        return names


class RetainedHomeConfig(MessageHomeConfig):
    """Settings of a home that keeps messages after they were read, for a time or up to a size."""

    on_gap: Literal["fail", "continue"] = "fail"
    """If messages were deleted before they were moved, or the entity was created again: `fail`, or
    `continue` with the messages that are there."""
