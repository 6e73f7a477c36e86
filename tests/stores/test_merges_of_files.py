"""What every store of files promises of a merge, read back as its own suite reads it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest
import test_arrow_store
import test_csv_store
import test_jsonl_store
import test_orc_store
import test_parquet_store

from hygge.connector import Store
from hygge.testing import FileStoreSuite
from hygge.testing.merging import MergeCases


class Merges(MergeCases):
    suite: ClassVar[type[FileStoreSuite]]

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return self.suite().make_store(tmp_path)

    def read(self, place: Path, name: str, schema: pa.Schema) -> pa.Table:
        return self.suite().read(place, name, schema).select(schema.names).cast(schema)


class TestArrowMerges(Merges):
    suite = test_arrow_store.TestArrowStore


class TestCsvMerges(Merges):
    suite = test_csv_store.TestCsvStore


class TestJsonlMerges(Merges):
    suite = test_jsonl_store.TestJsonlStore


class TestOrcMerges(Merges):
    suite = test_orc_store.TestOrcStore

    def read(self, place: Path, name: str, schema: pa.Schema) -> pa.Table:
        """Read times in nanoseconds, which is what the format and its other reader know."""
        fields = [
            field.with_type(pa.timestamp("ns", field.type.tz))
            if pa.types.is_timestamp(field.type)
            else field
            for field in schema
        ]
        return super().read(place, name, pa.schema(fields)).cast(schema)


class TestParquetMerges(Merges):
    suite = test_parquet_store.TestParquetStore
