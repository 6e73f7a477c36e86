"""A small sound project, and connectors that exist in tests only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from pydantic import SecretStr

from hygge.connector import Home, HomeConfig, ProjectContext, Store, StoreConfig
from hygge.values.model import Mode


class BinHomeConfig(HomeConfig, type="testbin"):
    """Reads a folder."""

    path: str
    """Where the files lie."""
    depth: int = 1
    """Levels to look into."""
    strict: bool = False
    """Whether to be strict."""

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """One folder an entity."""
        return [str(context.path(self.path) / name)]

    def home(self, context: ProjectContext) -> Home:
        """Never opened here."""
        raise NotImplementedError


class BinStoreConfig(StoreConfig, type="testbin"):
    """Writes a folder."""

    path: str
    """Where the files go."""

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """One folder an entity."""
        return [str(context.path(self.path) / name)]

    def store(self, context: ProjectContext) -> Store:
        """Never opened here."""
        raise NotImplementedError


class VaultStoreConfig(StoreConfig, type="testvault"):
    """Writes behind a password, with a driver that nobody has."""

    host: str
    """Name of the server."""
    password: SecretStr
    """What it asks for."""
    port: int = 1
    """Number of the door."""

    modes: ClassVar[frozenset[Mode]] = frozenset({Mode.REPLACE, Mode.MERGE})
    extra: ClassVar[str | None] = "vault"
    drivers: ClassVar[tuple[str, ...]] = ("no_such_driver_for_hygge",)

    def store(self, context: ProjectContext) -> Store:
        """Never opened here."""
        raise NotImplementedError


Write = Callable[[dict[str, str]], Path]

SOUND = {
    "hygge.yml": "name: shop\n",
    "homes/files.yml": "type: testbin\npath: data/in\n",
    "stores/lake.yml": "type: testbin\npath: data/lake\n",
    "flows/users.yml": "home: files\nstore: lake\n",
}
