"""The suite of homes, on an API in another process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import pyarrow as pa
import pytest
from apis import api_of_files

from hygge.connector import HomeConfig
from hygge.testing import HomeSuite

_OTHER = "never: JSON has no such type and its text does not say so"
_TOLD = "never: JSON has no NaN and no infinity"


@pytest.fixture(scope="module", autouse=True)
def url() -> Iterator[str]:
    with api_of_files() as url:
        TestRestHome.url = url
        yield url


class TestRestHome(HomeSuite):
    url: ClassVar[str]
    exemptions: ClassVar = {
        **dict.fromkeys(("binary", "large binary", "fixed size binary", "uuid"), _OTHER),
        **dict.fromkeys(("uint64", "map"), _OTHER),
        **dict.fromkeys(("float16", "float32", "float64"), _TOLD),
        **{f"decimal({size})": _OTHER for size in ("9,2", "38,0", "38,18", "76,30")},
        **{f"time({unit})": _OTHER for unit in ("s", "ms", "us", "ns")},
        **{f"timestamp({unit})": _OTHER for unit in ("s", "ms", "us", "ns")},
        **{f"timestamp({unit},UTC)": _OTHER for unit in ("s", "ms", "us", "ns")},
        **dict.fromkeys(("timestamp(us,Europe/Oslo)", "duration(us)", "date", "date64"), _OTHER),
        "list of struct": _OTHER,
        "test_zero_rows_keep_the_schema": "never: a response without rows has no columns",
    }
    comes_back_as: ClassVar = {
        **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16", "uint32"), pa.int64()),
        **dict.fromkeys(("large string", "dictionary"), pa.string()),
        **dict.fromkeys(("large list", "fixed size list"), pa.list_(pa.int64())),
    }

    def configure(self, place: Path, tables: Mapping[str, pa.Table]) -> HomeConfig:
        entities = {}
        for name, table in tables.items():
            path = place / f"{name}.jsonl"
            rows = table.to_pylist()
            path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))
            entities[name] = {"path": quote(str(path)), "params": {"per_page": 5000}}
        data = {"type": "rest", "url": self.url, "pages": "link", "allow_private": True}
        return HomeConfig.create({**data, "entities": entities})

    def spoil(self, place: Path, entity: str) -> None:
        """Truncate what the API sends, and the pages that were fetched."""
        for path in [place / f"{entity}.jsonl", *(place / ".hygge/spool").glob("*/*")]:
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2])
