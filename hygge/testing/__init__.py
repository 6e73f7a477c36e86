"""Suites that prove a connector, for its own tests. Needs pytest."""

from __future__ import annotations

from hygge.testing.homes import FileHomeSuite, HomeSuite
from hygge.testing.stores import FileStoreSuite, StoreSuite

__all__ = [
    "FileHomeSuite",
    "FileStoreSuite",
    "HomeSuite",
    "StoreSuite",
]
