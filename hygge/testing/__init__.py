"""Suites that prove a connector, for its own tests. Needs pytest."""

from __future__ import annotations

from hygge.testing.homes import FileHomeSuite, HomeSuite

__all__ = [
    "FileHomeSuite",
    "HomeSuite",
]
