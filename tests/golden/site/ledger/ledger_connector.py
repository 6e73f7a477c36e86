"""A home that can be asked by a query."""

from __future__ import annotations

from typing import ClassVar

from hygge.connector import Ability, Home, HomeConfig, ProjectContext


class GoldenLedgerConfig(HomeConfig, type="ledger"):
    """Reads the books of a ledger server."""

    host: str
    """Name of the server."""

    can: ClassVar[frozenset[Ability]] = frozenset(Ability) - {Ability.FILES}

    def home(self, context: ProjectContext) -> Home:
        raise NotImplementedError
