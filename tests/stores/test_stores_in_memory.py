"""Stores of files on a file system without names to swap, links or folders."""

from __future__ import annotations

import test_arrow_store
import test_csv_store
import test_jsonl_store
import test_parquet_store

from hygge.testing.memory import InMemory


class TestParquetInMemory(InMemory, test_parquet_store.TestParquetStore):
    pass


class TestCsvInMemory(InMemory, test_csv_store.TestCsvStore):
    pass


class TestJsonlInMemory(InMemory, test_jsonl_store.TestJsonlStore):
    pass


class TestArrowInMemory(InMemory, test_arrow_store.TestArrowStore):
    pass
