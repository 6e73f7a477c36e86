"""What the suites have in common: exemptions, and an error for a suite that pytest would skip."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from hygge.connector import Home, HomeConfig, ProjectContext, Store, StoreConfig
from hygge.testing.cases import plain_table
from hygge.testing.exemptions import expect_exempted

MANY = 20_000
"""Rows of an entity that is read in several batches."""


class BusyError(Exception):
    """Raised by a suite's hook where the system lets nobody write at that moment."""


class Suite(ABC):  # noqa: B024  (its parts have the methods)
    """What is common to suites of homes and of stores."""

    exemptions: ClassVar[Mapping[str, str]] = {}
    """What the connector cannot keep: the name of a case or of a test, and the reason.

    A reason begins with `ours:` (not yet), `upstream:` (a library's fault) or `never:` (the
    system cannot). The test is then expected to fail, and must.
    """
    comes_back_as: ClassVar[Mapping[str, pa.DataType]] = {}
    """The cases whose type is read back as another one, with the same values."""

    def __init_subclass__(cls, *, is_base: bool = False, **more: Any) -> None:  # noqa: ANN401
        """Raise `TypeError` for a class that pytest would not collect, unless it is a base.

        pytest passes over a class with abstract methods and over one not named `Test…`, without
        a word and with exit code 0.
        """
        super().__init_subclass__(**more)
        lacking = _abstract_methods(cls)
        if is_base or (lacking and not cls.__name__.startswith("Test")):
            return
        if lacking:
            raise TypeError(
                f"{cls.__name__} has no tests for pytest: {', '.join(lacking)} must be defined"
            )
        if not cls.__name__.startswith("Test"):
            raise TypeError(
                f"{cls.__name__} has no tests for pytest: name it Test{cls.__name__}, "
                f"or say `class {cls.__name__}(…, is_base=True)` for a base of other suites"
            )

    def expected(self, case: str, table: pa.Table) -> pa.Table:
        """Return how a case's table is read back: as it is, or by `comes_back_as`."""
        kind = self.comes_back_as.get(case)
        if kind is None:
            return table
        return table.set_column(1, "value", table.column("value").cast(kind))

    @pytest.fixture(autouse=True)
    def exempt(self, request: pytest.FixtureRequest) -> None:
        """Expect what `exemptions` names to fail."""
        expect_exempted(request, self.exemptions)


def _abstract_methods(cls: type) -> list[str]:
    """Return the abstract methods of a class that is being made, by name."""
    names = {name for base in cls.__mro__ for name in vars(base)}
    return sorted(n for n in names if getattr(getattr(cls, n, None), "__isabstractmethod__", False))


class HomeCases(Suite, is_base=True):
    """What every group of tests of a home needs."""

    @abstractmethod
    def configure(self, place: Path, tables: Mapping[str, pa.Table]) -> HomeConfig:
        """Return the config of a home that holds exactly `tables`, each an entity of that name.

        `place` is an empty directory for whatever the home needs, and the project's root.
        """

    @abstractmethod
    def spoil(self, place: Path, entity: str) -> None:
        """Damage what `configure` made in `place`, so that reading `entity` must fail."""

    def make_home(self, place: Path, tables: Mapping[str, pa.Table]) -> Home:
        """Return a home that holds exactly `tables`."""
        return self.configure(place, tables).home(ProjectContext(place))

    @pytest.fixture
    def many(self, tmp_path: Path) -> Home:
        """A home with one entity, `things`, of enough rows for several batches."""
        return self.make_home(tmp_path, {"things": plain_table(MANY)})


class StoreCases(Suite, is_base=True):
    """What every group of tests of a store needs."""

    @abstractmethod
    def configure(self, place: Path) -> StoreConfig:
        """Return the config of a store that keeps everything in `place`.

        `place` is an empty directory at first, and the project's root.
        """

    @abstractmethod
    def read(self, place: Path, name: str, schema: pa.Schema) -> pa.Table:
        """Return all rows of entity `name` as a user's tool sees them, in the order written.

        `schema` is the one the rows were staged with, for systems that keep no types.
        """

    def make_store(self, place: Path) -> Store:
        """Return the store in `place`."""
        return self.configure(place).store(ProjectContext(place))

    @pytest.fixture
    def config(self, tmp_path: Path) -> StoreConfig:
        """The config of an empty store."""
        return self.configure(tmp_path)

    @pytest.fixture
    def store(self, tmp_path: Path, config: StoreConfig) -> Store:
        """An empty store."""
        return config.store(ProjectContext(tmp_path))

    def rows(self, place: Path, name: str = "things") -> pa.Table:
        """Return the rows of an entity that holds a plain table."""
        return self.read(place, name, plain_table(0).schema)

    def typed(self, place: Path, schema: pa.Schema, name: str = "things") -> pa.Table:
        """Return the rows of an entity with the columns and types of `schema`."""
        return self.read(place, name, schema).select(schema.names).cast(schema)
