from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest

from hygge.connector import StoreConfig
from hygge.errors import StoreError
from hygge.testing import FileStoreSuite
from hygge.testing.cases import TEXTS, assert_same, plain_table
from hygge.testing.moving import write, write_request
from hygge.testing.text_reader import DECLARED_AS, read_text

NESTED = "never: delimited text does not support lists or structs"
BYTES = "never: text has no bytes"


class TestCsvStore(FileStoreSuite):
    type_name = "csv"
    exemptions: ClassVar = {
        **dict.fromkeys(("list", "large list", "fixed size list"), NESTED),
        **dict.fromkeys(("struct", "list of struct", "map"), NESTED),
        **dict.fromkeys(("binary", "large binary", "fixed size binary"), BYTES),
        "duration(us)": "never: a length of time has no text that every reader understands",
        "decimal(76,30)": "upstream: DuckDB holds decimals of up to 38 digits",
    }
    comes_back_as: ClassVar = DECLARED_AS

    def read_files(self, paths: Sequence[Path], schema: pa.Schema) -> pa.Table:
        options = (
            "auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', "
            "nullstr = '', allow_quoted_nulls = false, new_line = '\\n'"
        )
        return read_text("read_csv", paths, schema, options)

    def text(self, place: Path) -> str:
        (path,) = self.files(place)
        return path.read_bytes().decode()

    def test_every_text_survives_the_standard_reader(self, tmp_path: Path) -> None:
        table = pa.table({"id": range(len(TEXTS)), "value": TEXTS})
        write(self.make_store(tmp_path), [table], write_request())
        rows = list(csv.reader(io.StringIO(self.text(tmp_path), newline="")))
        assert rows == [["id", "value"], *([str(n), text] for n, text in enumerate(TEXTS))]

    def test_null_and_empty_text_differ(self, tmp_path: Path) -> None:
        table = pa.table({"a": ["", None, "x"], "b": [1.0, None, 0.1]})
        write(self.make_store(tmp_path), [table], write_request())
        assert self.text(tmp_path) == 'a,b\n"",1.0\n,\nx,0.1\n'

    def test_the_dialect_is_what_the_store_says(self, tmp_path: Path) -> None:
        table = pa.table({"a;": ["x;y", None, "it's", "NULL"], "b": [1, None, 2, 3]})
        settings = {"delimiter": ";", "quote": "'", "null_text": "NULL", "line_end": "crlf"}
        commit = write(self.make_store(tmp_path, **settings), [table], write_request())
        assert commit.rows == 4
        lines = ["'a;';b", "'x;y';1", "NULL;NULL", "'it''s';2", "'NULL';3", ""]
        assert self.text(tmp_path) == "\r\n".join(lines)

    def test_line_ends_in_values_are_not_rows(self, tmp_path: Path) -> None:
        table = pa.table({"a": ["x\r\ny\r\n", '"\r\n"', "\r", "\n"] * 50_000, "b": range(200_000)})
        store = self.make_store(tmp_path, line_end="crlf")
        assert write(store, [table], write_request()).rows == 200_000

    @pytest.mark.parametrize("compression", ["gzip", "zstd"])
    def test_files_are_compressed(self, tmp_path: Path, compression: str) -> None:
        store = self.make_store(tmp_path, compression=compression)
        write(store, [plain_table(1000)], write_request())
        (path,) = self.files(tmp_path)
        assert path.suffixes == [".csv", {"gzip": ".gz", "zstd": ".zst"}[compression]]
        assert_same(self.rows(tmp_path), plain_table(1000))

    def test_a_file_without_a_header_holds_rows_only(self, tmp_path: Path) -> None:
        store = self.make_store(tmp_path, header=False)
        assert write(store, [plain_table(2)], write_request()).rows == 2
        assert self.text(tmp_path) == "0,row 0\n1,row 1\n"

    def test_a_null_that_would_be_an_empty_line_is_refused(self, tmp_path: Path) -> None:
        table = pa.table({"only": ["x", None]})
        with pytest.raises(StoreError, match="column 'only'"):
            write(self.make_store(tmp_path), [table], write_request())
        write(self.make_store(tmp_path, null_text="NULL"), [table], write_request())
        assert self.text(tmp_path) == "only\nx\nNULL\n"

    @pytest.mark.parametrize(
        "settings",
        [
            {"delimiter": '"'},
            {"delimiter": "\n"},
            {"delimiter": "."},
            {"quote": "1"},
            {"null_text": "a,b"},
            {"delimiter": "ab"},
            {"path": "out/users.csv.gz"},
        ],
    )
    def test_a_dialect_that_nobody_could_read_is_refused(self, settings: dict[str, str]) -> None:
        with pytest.raises(ValueError):
            StoreConfig.create({"type": "csv", "path": "out", **settings})
