"""Settings of Redis homes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from hygge.connector import ConnectorConfig, ProjectContext
from hygge.connectors.messages.config import RetainedHomeConfig
from hygge.settings.move import Seconds

if TYPE_CHECKING:
    from hygge.connectors.redis.home import RedisHome

_SCHEMES = ("redis", "rediss", "unix")


class RedisSettings(ConnectorConfig):
    """Address and credentials of a Redis server."""

    extra: ClassVar = "redis"
    drivers: ClassVar = ("redis",)
    aliases: ClassVar = ("redis-streams", "valkey", "keydb")

    url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    """URL of the server: `redis://user@host:6379/0`, `rediss://…` with TLS, or `unix:///path`."""
    password: SecretStr | None = None
    """Password: `${REDIS_PASSWORD}`; overrides that of the URL."""
    connect_timeout: Seconds = 10.0
    """Maximum time to connect."""
    read_timeout: Seconds = 60.0
    """Maximum time without data while a response is expected."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: SecretStr) -> SecretStr:
        if urlsplit(url.get_secret_value()).scheme not in _SCHEMES:
            raise ValueError("write a url as redis://user@host:6379/0")
        return url

    def shown(self) -> str:
        """Return the address without user and password, for messages."""
        parts = urlsplit(self.url.get_secret_value())
        where = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
        return f"redis://{where}{parts.path if parts.scheme != 'unix' else ''}"


class RedisHomeConfig(RedisSettings, RetainedHomeConfig, type="redis"):
    """Reads Redis Streams: each entity is the key of a stream.

    A move reads the entries that the stream has when it begins, and deletes none. The commit
    records the ID of the last entry, so each entry is moved once into every store, without a
    consumer group. If entries were deleted before they were moved, or the stream was created again,
    the move stops; see `on_gap`. Requires Redis 7.0 or later, which counts added entries.
    """

    offers: ClassVar = ("id", "time", "key")

    prefix: str = ""
    """Beginning of the keys, which is left out of the names of entities: `app:`."""
    field: Annotated[str, Field(min_length=1)] | None = None
    """Field of an entry that contains the message. By default each field becomes a column of
    text."""
    group: Annotated[str, Field(min_length=1)] | None = None
    """Consumer group to set to the last moved entry after each commit, so that monitoring shows
    the lag. It is created if it does not exist."""

    @model_validator(mode="after")
    def _names_the_field(self) -> Self:
        if self.values != "json" and self.field is None:
            raise ValueError(f"values: {self.values}  needs  field: the field with the message")
        return self

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return the stream as a URL."""
        return [f"{self.shown()}/{self.prefix}{name}"]

    def home(self, context: ProjectContext) -> RedisHome:
        """Return the home; connects to nothing."""
        from hygge.connectors.redis.home import RedisHome

        return RedisHome(self, context)
