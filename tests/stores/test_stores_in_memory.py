"""Stores of files on a file system without names to swap, links or folders."""

from __future__ import annotations

import test_arrow_store
import test_csv_store
import test_jsonl_store
import test_parquet_store

from hygge.testing.memory import InMemory


class TestParquetInMemory(InMemory, test_parquet_store.TestParquetStore):
    pass


class WithoutTypes(InMemory):
    """Types of values are the formats' matter, wherever files lie: one format tries them all."""

    test_a_type_comes_back_exactly = None
    test_a_type_is_held_or_refused_by_name = None


class TestCsvInMemory(WithoutTypes, test_csv_store.TestCsvStore):  # type: ignore[misc]
    pass


class TestJsonlInMemory(WithoutTypes, test_jsonl_store.TestJsonlStore):  # type: ignore[misc]
    pass


class TestArrowInMemory(WithoutTypes, test_arrow_store.TestArrowStore):  # type: ignore[misc]
    pass
