"""A store that asks for a password and can merge."""

from __future__ import annotations

from typing import ClassVar

from pydantic import SecretStr

from hygge.connector import ProjectContext, Store, StoreConfig
from hygge.values.model import Mode


class GoldenVaultConfig(StoreConfig, type="vault"):
    """Writes behind a password."""

    host: str
    """Name of the server."""
    password: SecretStr
    """What it asks for."""

    modes: ClassVar[frozenset[Mode]] = frozenset(Mode)

    def store(self, context: ProjectContext) -> Store:
        raise NotImplementedError
