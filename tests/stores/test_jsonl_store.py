from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest

from hygge.connector import Store
from hygge.errors import StoreError
from hygge.testing import FileStoreSuite
from hygge.testing.cases import TEXTS, assert_same, plain_table
from hygge.testing.merging import merging
from hygge.testing.moving import write, write_request
from hygge.testing.text_reader import DECLARED_AS, read_text

BYTES = "never: JSON does not support bytes"
NAN = "never: JSON has no number for NaN and infinity"


class TestJsonlStore(FileStoreSuite):
    type_name = "jsonl"
    exemptions: ClassVar = {
        **dict.fromkeys(("binary", "large binary", "fixed size binary"), BYTES),
        **dict.fromkeys(("float16", "float32", "float64"), NAN),
        "map": "ours: a map is a list of keys and values here, which DuckDB takes for no map",
        "duration(us)": "never: a length of time has no text that every reader understands",
        "decimal(76,30)": "upstream: DuckDB holds decimals of up to 38 digits",
    }
    comes_back_as: ClassVar = {k: v for k, v in DECLARED_AS.items() if k != "null"}

    def read_files(self, paths: Sequence[Path], schema: pa.Schema) -> pa.Table:
        return read_text("read_json", paths, schema, "format = 'newline_delimited'")

    def objects(self, place: Path) -> list[object]:
        (path,) = self.files(place)
        return [json.loads(line) for line in path.read_bytes().decode().split("\n")[:-1]]

    def test_every_text_survives_the_standard_reader(self, tmp_path: Path) -> None:
        texts = [*TEXTS, "".join(map(chr, range(0x20))), "\u2028\ufeff\U0010ffff", None]
        write(self.make_store(tmp_path), [pa.table({"a": texts})], write_request())
        assert self.objects(tmp_path) == [{"a": text} for text in texts]

    def test_nested_values_are_nested_objects(self, tmp_path: Path) -> None:
        rows = [
            {"l": [1, None], "s": {"t": ['"'], "d": Decimal("1.10")}, "m": [("k", 1)], "n": [[1]]},
            {"l": None, "s": None, "m": None, "n": None},
            {"l": [], "s": {"t": None, "d": None}, "m": [], "n": [None, []]},
        ]
        schema = pa.schema(
            [
                ("l", pa.list_(pa.int64())),
                ("s", pa.struct([("t", pa.list_(pa.string())), ("d", pa.decimal128(9, 2))])),
                ("m", pa.map_(pa.string(), pa.int64())),
                ("n", pa.large_list(pa.list_(pa.int64()))),
            ]
        )
        table = pa.Table.from_pylist([*rows, *rows], schema=schema)
        write(self.make_store(tmp_path), [table.slice(1, 4)], write_request())
        entries = [{"key": "k", "value": 1}]
        expected = [
            {"l": [1, None], "s": {"t": ['"'], "d": "1.10"}, "m": entries, "n": [[1]]},
            {"l": None, "s": None, "m": None, "n": None},
            {"l": [], "s": {"t": None, "d": None}, "m": [], "n": [None, []]},
        ]
        assert self.objects(tmp_path) == [*expected[1:], *expected[:2]]

    def test_numbers_keep_all_their_digits(self, tmp_path: Path) -> None:
        table = pa.table(
            {
                "i": [2**63 - 1, -(2**63), None],
                "u": pa.array([2**64 - 1, 2**53 + 1, None], pa.uint64()),
                "f": [0.1, 5e-324, -0.0],
                "d": pa.array([Decimal("0.0000001"), Decimal("-1E+9"), None], pa.decimal128(38, 7)),
            }
        )
        write(self.make_store(tmp_path), [table], write_request())
        (path,) = self.files(tmp_path)
        assert path.read_text().splitlines() == [
            '{"i":9223372036854775807,"u":18446744073709551615,"f":0.1,"d":"0.0000001"}',
            '{"i":-9223372036854775808,"u":9007199254740993,"f":5e-324,"d":"-1000000000.0000000"}',
            '{"i":null,"u":null,"f":-0.0,"d":null}',
        ]

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
    def test_what_is_no_number_is_refused(self, tmp_path: Path, value: float) -> None:
        store = self.make_store(tmp_path)
        write(store, [pa.table({"x": [1.5, None]})], write_request())
        for nested in (pa.array([1.0, value]), pa.array([[value], None])):
            with pytest.raises(StoreError, match="column 'x'"):
                write(store, [pa.table({"x": nested})], write_request())
        assert self.objects(tmp_path) == [{"x": 1.5}, {"x": None}]

    def test_nan_behind_a_null_is_no_value(self, tmp_path: Path) -> None:
        buffers = [pa.py_buffer(b"\x02"), pa.array([float("nan"), 2.0]).buffers()[1]]
        values = pa.Array.from_buffers(pa.float64(), 2, buffers)
        write(self.make_store(tmp_path), [pa.table({"x": values})], write_request())
        assert self.objects(tmp_path) == [{"x": None}, {"x": 2.0}]

    @pytest.mark.parametrize("compression", ["gzip", "zstd"])
    def test_files_are_compressed(self, tmp_path: Path, compression: str) -> None:
        store = self.make_store(tmp_path, compression=compression)
        write(store, [plain_table(1000)], write_request())
        (path,) = self.files(tmp_path)
        assert path.suffixes == [".jsonl", {"gzip": ".gz", "zstd": ".zst"}[compression]]
        assert_same(self.rows(tmp_path), plain_table(1000))

    def test_a_value_of_another_kind_far_down_is_read_all_the_same(
        self, tmp_path: Path, store: Store
    ) -> None:
        schema = pa.schema([("id", pa.int64()), ("some", pa.float64()), ("late", pa.string())])
        many = range(150_000)
        values = [0.5 if n > 149_000 else float(n) for n in many]
        late = ["x" if n > 149_000 else None for n in many]
        write(store, [pa.table([list(many), values, late], schema=schema)], merging())
        new = pa.table([[3], [-1.0], ["y"]], schema=schema)
        write(store, [new], merging())
        rows = {id: rest for id, *rest in self.held(tmp_path, schema)}
        assert len(rows) == 150_000
        assert rows[3] == [-1.0, "y"]
        assert rows[4] == [4.0, None]
        assert rows[149_999] == [0.5, "x"]
