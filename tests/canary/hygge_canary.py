"""A connector as a third party installs it: with secrets of every shape, and indiscreet errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from hygge.connector import (
    Commit,
    ConnectorConfig,
    Home,
    HomeConfig,
    Mode,
    ProjectContext,
    ReadRequest,
    Source,
    Store,
    StoreConfig,
    Target,
    WriteRequest,
)
from hygge.errors import HomeError, StoreError
from hygge.settings.move import Bytes, Names, Seconds, Share


class Login(BaseModel):
    """Who we are."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, frozen=True)

    user: str = "me"
    """Our name."""
    password: SecretStr | None = None
    """What proves it."""


class _Vault(ConnectorConfig):
    host: str = "localhost"
    """Name of the server."""
    pin: SecretStr = SecretStr("0")
    """What it asks for."""
    maybe: SecretStr | None = None
    """What it may ask for."""
    login: Login = Login()
    """Who we are."""
    keys: dict[str, SecretStr] = Field(default_factory=dict)
    """By name."""
    chain: tuple[SecretStr, ...] = ()
    """One after the other."""
    port: int = Field(default=1, ge=1)
    """Number of the door."""
    rate: float = 1.0
    """How fast."""
    safe: bool = True
    """Whether to lock."""
    level: Literal["low", "high"] = "low"
    """How much."""
    size: Bytes = 1
    """How large."""
    wait: Seconds = 1.0
    """How long."""
    share: Share = 0.5
    """How much of it."""
    names: Names = ()
    """Which."""
    labels: dict[str, str] = Field(default_factory=dict)
    """What for."""


def told(config: ConnectorConfig) -> str:
    """Say what a careless driver says: everything, secrets in the clear."""
    return str({key: _plain(value) for key, value in config})


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return {key: _plain(item) for key, item in value}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


class VaultHomeConfig(_Vault, HomeConfig, type="vaulthome"):
    """Reads from a vault."""

    def home(self, context: ProjectContext) -> Home:
        return VaultHome(self)


class VaultHome(Home):
    def __init__(self, config: VaultHomeConfig) -> None:
        self.config = config

    def check(self) -> None:
        raise HomeError(f"cannot log in: {told(self.config)}", hint=told(self.config))

    def entities(self, pattern: str = "*") -> list[str]:
        return ["users"]

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Source]:
        if self.config.host == "bug":
            raise RuntimeError(f"driver broke: {told(self.config)}")
        raise HomeError(f"cannot log in: {told(self.config)}", hint=told(self.config))
        yield


class VaultStoreConfig(_Vault, StoreConfig, type="vaultstore"):
    """Writes to a vault."""

    modes: ClassVar[frozenset[Mode]] = frozenset({Mode.REPLACE})

    def store(self, context: ProjectContext) -> Store:
        return VaultStore(self)


class VaultStore(Store):
    def __init__(self, config: VaultStoreConfig) -> None:
        self.config = config

    def last_commit(self, into: str) -> Commit | None:
        raise StoreError(f"cannot log in: {told(self.config)}", hint=told(self.config))

    def check(self) -> None:
        raise StoreError(f"cannot log in: {told(self.config)}", hint=told(self.config))

    @contextmanager
    def open(self, request: WriteRequest) -> Iterator[Target]:
        if self.config.host == "bug":
            raise RuntimeError(f"driver broke: {told(self.config)}")
        raise StoreError(f"cannot log in: {told(self.config)}", hint=told(self.config))
        yield
