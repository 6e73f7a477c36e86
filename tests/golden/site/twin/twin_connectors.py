"""Two connectors of one type, as two packages could bring them."""

from __future__ import annotations

from hygge.connector import Home, HomeConfig, ProjectContext


class FirstTwinConfig(HomeConfig, type="twin"):
    """The one."""

    path: str
    """Where the files lie."""

    def home(self, context: ProjectContext) -> Home:
        raise NotImplementedError


class SecondTwinConfig(HomeConfig, type="twin"):
    """The other."""

    path: str
    """Where the files lie."""

    def home(self, context: ProjectContext) -> Home:
        raise NotImplementedError
