"""A suite of which pytest would collect nothing is an error where it is written."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from hygge.connector import StoreConfig
from hygge.testing import FileHomeSuite, HomeSuite, StoreSuite


def test_a_suite_that_lacks_a_method_is_an_error_that_names_it() -> None:
    with pytest.raises(TypeError, match="TestHalf has no tests for pytest: read must be defined"):

        class TestHalf(StoreSuite):
            def configure(self, place: Path) -> StoreConfig:
                raise NotImplementedError

    with pytest.raises(TypeError, match="configure, spoil must be defined"):

        class TestNone(HomeSuite):
            pass


def test_a_suite_that_pytest_does_not_look_for_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"name it TestLedger, or say .*is_base=True"):

        class Ledger(FileHomeSuite):
            def write(self, table: pa.Table, path: Path) -> None:
                raise NotImplementedError


def test_a_base_of_suites_may_have_any_name() -> None:
    class OfFiles(FileHomeSuite):
        """Lacks `write`, which the suites below fill in."""

    class Whole(OfFiles, is_base=True):
        def write(self, table: pa.Table, path: Path) -> None:
            raise NotImplementedError

    class TestWhole(Whole):
        type_name = "ledger"

    assert issubclass(TestWhole, HomeSuite)
