"""Connector types, found by folder and by entry point, imported only when used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from importlib.abc import MetaPathFinder
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from hygge.errors import ConfigError

T = TypeVar("T")

_PACKAGE = "hygge.connectors"
_CONNECTORS = Path(__file__).parent / "connectors"
_SHARED = frozenset({"files", "sql"})
"""Folders that hold what several connectors share."""


class Registry(Generic[T]):
    """The types of one kind of connector.

    A built-in type is a folder of `hygge.connectors` with the type's name, which holds `home.py`
    or `store.py` and the settings of both in `config.py`; a third-party type is an entry point of
    `group` with the type's name. Importing either defines a config class, which registers itself.
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind = kind
        self.group = group
        self._classes: dict[str, type[T]] = {}
        self._clashes: dict[str, ConfigError] = {}

    def add(self, type_name: str, config: type[T]) -> None:
        """Register `config` under `type_name`; two different classes under one name are refused."""
        known = self._classes.get(type_name)
        same = known is not None and known.__qualname__ == config.__qualname__
        if known is not None and not (same and known.__module__ == config.__module__):
            self._clashes[type_name] = ConfigError(
                f"two connectors define the {self.kind} type '{type_name}': "
                f"{known.__module__}.{known.__qualname__} and "
                f"{config.__module__}.{config.__qualname__}",
                hint="uninstall one of the two packages",
                code="HG110",
            )
            raise self._clashes[type_name]
        self._classes[type_name] = config
        if "numpy" in getattr(config, "drivers", ()):
            _show_numpy()

    def names(self) -> list[str]:
        """Every type that can be named in YAML, sorted; nothing is imported."""
        others = {point.name for point in self._entry_points()}
        return sorted(self.built_in() | set(self._classes) | others)

    def find(self, type_name: str) -> type[T]:
        """Return the config class of a type.

        Raises `ConfigError` for an unknown type, with the nearest name, and for one whose module
        cannot be imported.
        """
        if type_name not in self._classes:
            self._load(type_name)
        if type_name in self._clashes:
            raise self._clashes[type_name]
        return self._classes[type_name]

    def nearest(self, type_name: str) -> str | None:
        """Return the type with the alias `type_name`, or one with a similar name."""
        folded = type_name.strip().lower()
        for name in self.names():
            with suppress(ConfigError):
                config: Any = self.find(name)
                if folded == name or folded in config.aliases:
                    return name
        near = get_close_matches(folded, self.names(), n=1)
        return near[0] if near else None

    def named(self, data: Mapping[str, Any]) -> type[T]:
        """Return the config class that the `type` of some settings names; see `find`."""
        type_name = data.get("type")
        if not isinstance(type_name, str):
            hint = f"one of: {', '.join(self.names())}"
            raise ConfigError(f"a {self.kind} needs a type", hint=hint, code="HG103")
        return self.find(type_name)

    def _load(self, type_name: str) -> None:
        if type_name in self.built_in():
            importlib.import_module(f"{_PACKAGE}.{type_name}.config")
            return
        if type_name not in self.names():
            near = self.nearest(type_name)
            guess = f"; did you mean '{near}'?" if near else ""
            raise ConfigError(
                f"unknown {self.kind} type '{type_name}'{guess}",
                hint=f"{self.kind} types: {', '.join(self.names())}   (hygge types)",
                code="HG104",
            )
        point = next(e for e in self._entry_points() if e.name == type_name)
        _show_numpy()
        try:
            point.load()
        except ImportError as error:
            raise ConfigError(
                f"{self.kind} type '{type_name}' cannot be imported: {error}",
                hint="reinstall its package",
                code="HG109",
            ) from error
        if type_name not in self._classes:
            raise ConfigError(
                f"{point.value} defines no {self.kind} of type '{type_name}'",
                hint="report it to the author of the package",
                code="HG109",
            )

    def built_in(self) -> set[str]:
        """Return the types that come with hygge; nothing is imported."""
        return built_in_types(self.kind)

    def _entry_points(self) -> list[EntryPoint]:
        return list(entry_points(group=self.group))


def built_in_types(kind: str) -> set[str]:
    """Return the types of homes or stores, by `kind`, that come with hygge; imports nothing."""
    return {path.parent.name for path in _CONNECTORS.glob(f"*/{kind}.py")} - _SHARED


class _WithoutNumpy(MetaPathFinder):
    """Makes numpy look as if it were not installed."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "numpy":
            raise ModuleNotFoundError("numpy is hidden (see hygge.registry)", name="numpy")


def hide_numpy() -> None:
    """Hide numpy from pyarrow, which imports it if it can, for a third of its own import time.

    A connector that needs numpy, and any of another package, makes it visible again: configs are
    loaded before pyarrow is imported.
    """
    if "numpy" not in sys.modules:
        sys.meta_path.insert(0, _WithoutNumpy())


def _show_numpy() -> None:
    sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, _WithoutNumpy)]
