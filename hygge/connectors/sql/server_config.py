"""Settings of a database server: address, credentials, limits."""

from __future__ import annotations

import ipaddress
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from hygge.connector import ConnectorConfig, HomeConfig, ProjectContext, StoreConfig
from hygge.settings.move import Seconds
from hygge.values.model import Mode

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.sql.pool import Pool

_ENCODE = (
    "in a user or password of a url, write @ as %40, : as %3A, / as %2F, # as %23 and % as %25"
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Address and credentials of a server: the url merged with the fields beside it."""

    host: str | None
    port: int
    database: str | None
    user: str | None
    password: str | None = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict)
    """Query parameters of the url."""

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine: a socket, a loopback address, or no host."""
        if self.host is None or self.host == "" or self.host.startswith(("/", "@")):
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    def __str__(self) -> str:
        """Return the address without the password, for messages."""
        who = f"{self.user}@" if self.user else ""
        where = self.host or "localhost"
        return f"{who}{where}:{self.port}/{self.database or ''}"


class ServerSettings(ConnectorConfig):
    """Settings that every connector of a database server has; a type adds its own."""

    schemes: ClassVar[tuple[str, ...]] = ()
    """URL schemes of the type, the usual one first."""
    default_port: ClassVar[int]

    host: Annotated[str, Field(min_length=1)] | None = None
    """Host name or address of the server, or directory of its socket; by default this machine."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Port of the server; by default the standard port."""
    database: Annotated[str, Field(min_length=1)] | None = None
    """Name of the database."""
    user: Annotated[str, Field(min_length=1)] | None = None
    """User name."""
    password: SecretStr | None = None
    """Password: `${DB_PASSWORD}` from the environment, or `${file:/run/secrets/x}`."""
    url: SecretStr | None = None
    """URL with all of this; other options override its parts."""
    connect_timeout: Seconds = 10.0
    """Maximum time to connect."""
    statement_timeout: Seconds | None = None
    """Maximum duration of a statement; unlimited by default."""
    idle_timeout: Seconds = 300.0
    """Maximum time that an unused connection stays open between moves."""
    max_connections: Annotated[int, Field(ge=2, le=1000)] = 8
    """Maximum number of connections of a run."""

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            _check_url(url.get_secret_value(), cls.schemes)
        return url

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if self.url is None and self.database is None:
            raise ValueError("set `database` or `url`")
        return self

    def endpoint(self) -> Endpoint:
        """Return address and credentials; fields override the url."""
        url = urlsplit(self.url.get_secret_value() if self.url else "")
        options = dict(parse_qsl(url.query, keep_blank_values=True))
        folder = options.pop("host", None)
        host = self.host or unquote(url.hostname or "") or folder
        password = self.password.get_secret_value() if self.password else None
        return Endpoint(
            host=host or None,
            port=self.port or url.port or self.default_port,
            database=self.database or unquote(url.path.lstrip("/")) or None,
            user=self.user or unquote(url.username or "") or None,
            password=password if password is not None else unquote(url.password or "") or None,
            options=options,
        )

    def pool(self) -> Pool:
        """Return the connection pool that all moves with these settings share."""
        from hygge.connectors.sql.pool import pool_of

        return pool_of(self, limit=self.max_connections, idle_seconds=self.idle_timeout)

    @abstractmethod
    def urls(self, name: str) -> list[str]:
        """Return the tables that `name` may mean, as URLs that are comparable between connectors.

        The most likely first, without the user.
        """


class ServerHomeConfig(ServerSettings, HomeConfig):
    """What `homes/<name>.yml` says of a database server."""

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return the tables that entity `name` may be, as URLs without the user."""
        return self.urls(name)


class ServerStoreConfig(ServerSettings, StoreConfig):
    """What `stores/<name>.yml` says of a database server."""

    modes: ClassVar = frozenset(Mode)
    answers_sql: ClassVar = True

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig:
        """Return the home of the same type with these settings."""
        return self.read_by(HomeConfig.registry.find(self.type_name))

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return the table of entity `name`, as a URL without the user."""
        return self.urls(name)[:1]


def _check_url(url: str, schemes: tuple[str, ...]) -> None:
    """Raise `ValueError` when a url is none of the type; the message does not quote the url."""
    scheme, mark, rest = url.partition("://")
    if not mark or scheme.lower() not in schemes:
        raise ValueError(f"write a url as {schemes[0]}://user:password@host:port/database")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError(f"invalid url; {_ENCODE}") from None
    if rest.count("@") > 1 or parts.fragment or "#" in url:
        raise ValueError(f"the url has an unescaped @ : / or # in user or password; {_ENCODE}")
    if "@" in parts.path or (parts.password or "").count(":"):
        raise ValueError(f"the url has an unescaped @ : / or # in user or password; {_ENCODE}")
