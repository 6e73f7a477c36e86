"""A store that cannot merge."""

from __future__ import annotations

from typing import ClassVar

from hygge.connector import ProjectContext, Store, StoreConfig
from hygge.values.model import Mode


class GoldenPantryConfig(StoreConfig, type="pantry"):
    """Writes shelves."""

    path: str
    """Where the shelves are."""

    modes: ClassVar[frozenset[Mode]] = frozenset({Mode.APPEND, Mode.REPLACE})

    def store(self, context: ProjectContext) -> Store:
        raise NotImplementedError
