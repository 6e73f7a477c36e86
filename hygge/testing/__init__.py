"""Suites that prove a connector, for its own tests. Needs pytest."""

from __future__ import annotations

from hygge.testing.file_stores import FileStoreSuite
from hygge.testing.homes import FileHomeSuite, HomeSuite
from hygge.testing.stores import StoreSuite

__all__ = [
    "FileHomeSuite",
    "FileStoreSuite",
    "HomeSuite",
    "StoreSuite",
]
