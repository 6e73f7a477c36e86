"""All that hygge promises of a home and a store, and what is special about JSON arrays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest
from hygge_jsonarray.config import JsonArrayHomeConfig, JsonArrayStoreConfig

from hygge.connector import Home, ProjectContext, ReadRequest
from hygge.errors import HomeError
from hygge.testing import FileHomeSuite, FileStoreSuite
from hygge.testing.cases import plain_table
from hygge.testing.moving import write, write_request
from hygge.testing.reading import read_entity
from hygge.testing.text_reader import DECLARED_AS, read_text

TEXT = "never: JSON has no such type and its text does not say so"
NAN = "never: JSON has no number for NaN and infinity"
BYTES = "never: JSON has no bytes"


class TestJsonArrayHome(FileHomeSuite):
    type_name = JsonArrayHomeConfig.type_name
    exemptions: ClassVar = {
        **dict.fromkeys(("binary", "large binary", "fixed size binary", "uuid"), TEXT),
        **dict.fromkeys(("uint64", "float16", "float32", "map", "struct", "list of struct"), TEXT),
        **dict.fromkeys(("list", "large list", "fixed size list"), TEXT),
        **{f"decimal({size})": TEXT for size in ("9,2", "38,0", "38,18", "76,30")},
        **{f"time({unit})": TEXT for unit in ("s", "ms", "us", "ns")},
        **{f"timestamp({unit})": TEXT for unit in ("s", "ms", "us", "ns")},
        **{f"timestamp({unit},UTC)": TEXT for unit in ("s", "ms", "us", "ns")},
        **dict.fromkeys(("timestamp(us,Europe/Oslo)", "duration(us)", "date", "date64"), TEXT),
        "test_zero_rows_keep_the_schema": "never: an array without objects has no columns",
    }
    comes_back_as: ClassVar = {
        **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16", "uint32"), pa.int64()),
        **dict.fromkeys(("large string", "dictionary"), pa.string()),
    }

    def write(self, table: pa.Table, path: Path) -> None:
        path.write_text(json.dumps(table.to_pylist(), default=str))


class TestJsonArrayStore(FileStoreSuite):
    type_name = JsonArrayStoreConfig.type_name
    exemptions: ClassVar = {
        **dict.fromkeys(("binary", "large binary", "fixed size binary"), BYTES),
        **dict.fromkeys(("float16", "float32", "float64"), NAN),
        "map": "ours: a map is a list of keys and values here, which DuckDB takes for no map",
        "duration(us)": "never: a length of time has no text that every reader understands",
        "decimal(76,30)": "upstream: DuckDB holds decimals of up to 38 digits",
    }
    comes_back_as: ClassVar = {k: v for k, v in DECLARED_AS.items() if k != "null"}

    def read_files(self, paths: Sequence[Path], schema: pa.Schema) -> pa.Table:
        return read_text("read_json", paths, schema, "format = 'array'")

    def test_a_file_is_one_array(self, tmp_path: Path) -> None:
        write(self.make_store(tmp_path), [plain_table(2)], write_request())
        (path,) = self.files(tmp_path)
        assert path.read_text() == '[\n{"id":0,"name":"row 0"},\n{"id":1,"name":"row 1"}\n]\n'
        write(self.make_store(tmp_path), [plain_table(0)], write_request())
        (path,) = self.files(tmp_path)
        assert json.loads(path.read_text()) == []


def home_of(place: Path, text: str) -> Home:
    """Return a home whose entity `things` is a file of this text."""
    (place / "things.json").write_text(text, "utf-8")
    return JsonArrayHomeConfig(type="jsonarray", path=".").home(ProjectContext(place))


@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        ("1, null, 9007199254740993", pa.int64(), [1, None, 9007199254740993]),
        ("1, 2.5, 1e5", pa.float64(), [1.0, 2.5, 1e5]),
        ("9007199254740993, 2.5", pa.string(), ["9007199254740993", "2.5"]),
        ("12345678901234567890", pa.string(), ["12345678901234567890"]),
        ("0.12345678901234567891", pa.string(), ["0.12345678901234567891"]),
        ("1.50, true", pa.string(), ["1.50", "true"]),
        ('{"a": [1.10, null]}, "x"', pa.string(), ['{"a":[1.10,null]}', "x"]),
        ("null", pa.null(), [None]),
    ],
)
def test_every_value_is_exact_or_its_text(
    tmp_path: Path, values: str, kind: pa.DataType, read: list[object]
) -> None:
    rows = ",".join(f'{{"x": {value}}}' for value in split_values(values))
    table = read_entity(home_of(tmp_path, f"[{rows}]"), "things")
    assert table.schema == pa.schema([("x", kind)])
    assert table["x"].to_pylist() == read


def split_values(text: str) -> list[str]:
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text):
        _, end = decoder.raw_decode(text, at)
        found.append(text[at:end])
        at = end + 2
    return found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[{"x": 1}, 2]', "row 2: 2 is no object"),
        ('{"x": 1}', "holds no JSON array"),
        ('[{"x": 1, "x": 2}]', "the key 'x' is in one object twice"),
        ('[{"x": 1}', "things.json: Expecting"),
        ("[]", "has no columns"),
    ],
)
def test_what_is_no_array_of_objects_is_refused(tmp_path: Path, text: str, words: str) -> None:
    home = home_of(tmp_path, text)
    with pytest.raises(HomeError, match=words), home.open(ReadRequest("things")):
        pass


def test_an_empty_array_among_others_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "things").mkdir()
    for name, text in (("1.json", "[]"), ("2.json", '[{"x": 1}]')):
        (tmp_path / "things" / name).write_text(text)
    home = JsonArrayHomeConfig(type="jsonarray", path=".").home(ProjectContext(tmp_path))
    assert read_entity(home, "things").to_pylist() == [{"x": 1}]
