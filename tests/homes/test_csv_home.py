from __future__ import annotations

import bz2
import gzip
import math
import random
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv
from pydantic import ValidationError

from hygge.connector import Home, HomeConfig, ProjectContext, ReadRequest
from hygge.errors import HomeError, LateTypeError
from hygge.testing import FileHomeSuite
from hygge.testing.reading import read_entity

_NESTED = "never: delimited text holds no nested values"
_OTHER = "never: a text does not say that it is of this type"


class TestCsvHome(FileHomeSuite):
    """Types are inferred."""

    type_name = "csv"
    exemptions: ClassVar = {
        **dict.fromkeys(("list", "large list", "fixed size list", "struct", "map"), _NESTED),
        **dict.fromkeys(("list of struct",), _NESTED),
        **dict.fromkeys(("binary", "large binary", "fixed size binary", "uuid"), _OTHER),
        **dict.fromkeys(("uint64", "float16", "float32", "float64"), _OTHER),
        **{f"decimal({size})": _OTHER for size in ("9,2", "38,0", "38,18", "76,30")},
        **{f"time({unit})": _OTHER for unit in ("s", "ms", "us", "ns")},
        **dict.fromkeys(("timestamp(us,Europe/Oslo)", "duration(us)"), _OTHER),
        "test_zero_rows_keep_the_schema": "never: no value says what type a column has",
    }
    comes_back_as: ClassVar = {
        **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16", "uint32"), pa.int64()),
        **dict.fromkeys(("large string", "dictionary"), pa.string()),
        "date64": pa.date32(),
        **{f"timestamp({unit})": pa.timestamp("us") for unit in ("s", "ms")},
        **{f"timestamp({unit},UTC)": pa.timestamp("us", "UTC") for unit in ("s", "ms")},
    }

    def write(self, table: pa.Table, path: Path) -> None:
        columns = [
            column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
            for column in table.columns
        ]
        csv.write_csv(pa.table(columns, names=table.column_names), path)

    def spoil(self, place: Path, entity: str) -> None:
        """Open a quote in the middle that nothing closes."""
        path = place / f"{entity}.csv"
        content = path.read_bytes()
        cut = content.index(b"\n", len(content) // 2) + 1
        path.write_bytes(content[:cut] + b'7,"' + content[cut:].replace(b'"', b""))


class TestCsvHomeWithTypes(TestCsvHome):
    """Types are declared."""

    exemptions: ClassVar = {
        **dict.fromkeys(("list", "large list", "fixed size list", "struct", "map"), _NESTED),
        **dict.fromkeys(("list of struct",), _NESTED),
        **dict.fromkeys(("binary", "large binary", "fixed size binary", "uuid"), _OTHER),
        **dict.fromkeys(("float16", "null", "duration(us)"), _OTHER),
        "timestamp(us,Europe/Oslo)": "upstream: the last moment is written with the year 10000",
    }
    comes_back_as: ClassVar = {
        **dict.fromkeys(("large string", "dictionary"), pa.string()),
        "date64": pa.date32(),
    }

    def configure(self, place: Path, tables: Mapping[str, pa.Table]) -> HomeConfig:
        for name, table in tables.items():
            self.write(table, place / f"{name}.csv")
        schema = next(iter(tables.values())).schema
        types = {field.name: _type_name(field.type) for field in schema}
        return HomeConfig.create({"type": "csv", "path": ".", "types": types})


def _type_name(kind: pa.DataType) -> str:
    if pa.types.is_time(kind):
        return f"time({kind.unit})"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    names = {"double": "float64", "float": "float32", "date32[day]": "date", "date64[ms]": "date"}
    name = names.get(str(kind), str(kind)).replace("tz=", "").replace("[", "(").replace("]", ")")
    return "string" if "string" in name else name


def home_of(place: Path, **settings: object) -> Home:
    return HomeConfig.create({"type": "csv", "path": ".", **settings}).home(ProjectContext(place))


def read(place: Path, content: bytes, name: str = "t.csv", **settings: object) -> pa.Table:
    (place / name).write_bytes(content)
    return read_entity(home_of(place, **settings), "t")


def refusal(place: Path, content: bytes, name: str = "t.csv", **settings: object) -> HomeError:
    with pytest.raises(HomeError) as raised:
        read(place, content, name, **settings)
    assert not isinstance(raised.value, LateTypeError)
    assert f"{place / name}" in raised.value.message
    assert raised.value.hint
    return raised.value


def move(home: Home, entity: str) -> pa.Table:
    """Read as a flow does: start again, thoroughly, when a type was guessed wrong."""
    for thorough in (False, True):
        with home.open(ReadRequest(entity, thorough=thorough, batch_bytes=2**17)) as source:
            try:
                (split,) = source.splits(1)
                with source.read(split) as batches:
                    return batches.read_all()
            except LateTypeError:
                assert not thorough
    raise AssertionError("unreachable")


@pytest.mark.parametrize(
    ("content", "line", "byte", "what"),
    [
        (b"a,b\n1,x\n2\n", 3, 8, "1 field for 2 columns"),
        (b"a,b\n1,x\n2,y,z\n", 3, 8, "3 fields for 2 columns"),
        (b'a,b\n1,"x\ny"\n\n2,"z\n3,4\n', 5, 13, "not closed"),
        (b'a,b\n1,"', 2, 4, "not closed"),
        (b'"a,b\n1,2\n', 1, 0, "not closed"),
        (b'a,b\n1,"x\ny"\n2,\xff\n', 4, 14, "invalid UTF8"),
        (b"a,\xff\n1,2\n", 1, 2, "invalid UTF8"),
        (b"\xef\xbb\xbfa,b\n1\n", 2, 7, "1 field"),
        (b"a,b\r1,2\r3\r", 3, 8, "1 field"),
        (b"a,a\n1,2\n", 1, None, "two columns have the name 'a'"),
        (b"a,\n1,2\n", 1, None, "column 2 has no name"),
    ],
)
def test_a_broken_file_is_refused_with_line_and_byte(
    tmp_path: Path, content: bytes, line: int, byte: int | None, what: str
) -> None:
    message = refusal(tmp_path, content).message
    assert f"line {line}" + ("" if byte is None else f", byte {byte}") in message
    assert what in message


@pytest.mark.parametrize(
    ("end", "what"),
    [
        (b"3\n", "line 200002, byte 1600004: 1 field"),
        (b"3,\xff\n", "line 200002, byte 1600006, column 'b': conversion error to string"),
        (b'3,"x\n4,y\n', "line 200002, byte 1600004: a quote in this record is not closed"),
    ],
)
def test_what_breaks_late_is_found(tmp_path: Path, end: bytes, what: str) -> None:
    content = b"a,b\n" + b"1,12345\n" * 200_000 + end
    assert what in refusal(tmp_path, content).message


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_of_every_system_are_read(tmp_path: Path, end: str, last: bool) -> None:
    content = end.join(["a,b", "1,x", "2,y"]) + (end if last else "")
    assert read(tmp_path, content.encode()).to_pydict() == {"a": [1, 2], "b": ["x", "y"]}


def test_null_and_the_empty_text_differ(tmp_path: Path) -> None:
    assert read(tmp_path, b'a,b\n1,\n2,""\n').to_pydict() == {"a": [1, 2], "b": [None, ""]}


def test_given_words_are_null_unless_quoted(tmp_path: Path) -> None:
    content = b'a,b\nNA,NA\n1,"NA"\n2,\n'
    found = read(tmp_path, content, null_values=["NA"]).to_pydict()
    assert found == {"a": [None, 1, 2], "b": [None, "NA", ""]}


def test_a_blank_line_is_a_null_where_there_is_one_column(tmp_path: Path) -> None:
    assert read(tmp_path, b"a\n1\n\n3\n").to_pydict() == {"a": [1, None, 3]}
    assert read(tmp_path, b"a,b\n1,2\n\n3,4\n\n").to_pydict() == {"a": [1, 3], "b": [2, 4]}


def test_a_header_alone_gives_columns_without_rows(tmp_path: Path) -> None:
    table = read(tmp_path, b"a,b\n")
    assert (table.column_names, table.num_rows) == (["a", "b"], 0)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_columns(tmp_path: Path, content: bytes) -> None:
    assert "no columns" in refusal(tmp_path, content).message
    assert read(tmp_path, content, names=["x"]).num_rows == (1 if content == b"\n" else 0)


def test_names_replace_a_header_or_stand_for_none(tmp_path: Path) -> None:
    assert read(tmp_path, b"1,2\n", names=["x", "y"]).to_pydict() == {"x": [1], "y": [2]}
    found = read(tmp_path, b"a,a\n1,2\n", names=["x", "y"], header=True)
    assert found.to_pydict() == {"x": [1], "y": [2]}
    found = read(tmp_path, b"1,2\n", header=False)
    assert found.to_pydict() == {"column_1": [1], "column_2": [2]}
    assert "2 columns, but `names` has 1" in refusal(tmp_path, b"1,2\n", names=["x"]).message


def test_first_lines_can_be_skipped(tmp_path: Path) -> None:
    found = read(tmp_path, b'made by "us\n\na,b\n1,2\n', skip_rows=2)
    assert found.to_pydict() == {"a": [1], "b": [2]}


def test_tabs_separate_in_files_that_say_so(tmp_path: Path) -> None:
    assert read(tmp_path, b"a\tb\n1\t2,5\n", "t.tsv").to_pydict() == {"a": [1], "b": ["2,5"]}


def test_quotes_can_be_escaped_or_have_no_meaning(tmp_path: Path) -> None:
    content = b'a,b\n1,"x\\"y\nz"\n2,"\\\\"\n'
    found = read(tmp_path, content, escape="\\", double_quote=False)
    assert found.to_pydict() == {"a": [1, 2], "b": ['x"y\nz', "\\"]}
    assert read(tmp_path, b'a,b\n1,"x\n', quote=None).to_pydict() == {"a": [1], "b": ['"x']}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "latin-1", "cp1252"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    rows = "".join(f"{n},Ünïcode {n}\n" for n in range(5000))
    found = read(tmp_path, f"ä,b\n{rows}".encode(encoding), encoding=encoding)
    assert found.column("ä").to_pylist() == list(range(5000))
    assert found.column("b")[4999].as_py() == "Ünïcode 4999"


def test_a_wrong_encoding_is_refused_with_the_byte(tmp_path: Path) -> None:
    assert "byte 6" in refusal(tmp_path, b"a,b\n1,\xe4\n", encoding="ascii").message
    assert "utf-16" in str(refusal(tmp_path, "a\n1\n".encode("utf-16")).hint)
    cut = "a\n1\n".encode("utf-16")[:-1]
    assert "truncated data" in refusal(tmp_path, cut, encoding="utf-16").message


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zstd,
}
ROWS = b"".join(b"%d,%d\n" % (n, random.Random(n).randrange(10**9)) for n in range(50_000))


@pytest.mark.parametrize("ending", PACKERS)
def test_packed_files_are_read_with_all_their_members(tmp_path: Path, ending: str) -> None:
    pack = PACKERS[ending]
    found = read(tmp_path, pack(b"a,b\n" + ROWS) + pack(ROWS), f"t.csv{ending}")
    assert found.column("a").to_pylist() == [*range(50_000), *range(50_000)]


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("damage", ["cut", "end cut", "junk after", "flipped bit"])
def test_damaged_packed_files_are_refused(tmp_path: Path, ending: str, damage: str) -> None:
    good = PACKERS[ending](b"a,b\n" + ROWS)
    place = len(good) // 2
    bad = {
        "cut": good[:place],
        "end cut": good[:-2],
        "junk after": good + b"junk that follows",
        "flipped bit": good[:place] + bytes([good[place] ^ 8]) + good[place + 1 :],
    }
    if (ending, damage) == (".zst", "flipped bit"):
        pytest.skip("frames of this writer carry no checksum")
    message = refusal(tmp_path, bad[damage], f"t.csv{ending}").message
    assert re.search(r"damaged or truncated after line \d+, byte \d+ of its text", message)


def test_a_declared_type_refuses_with_line_column_and_value(tmp_path: Path) -> None:
    content = b'a,b\n1,"x\ny"\n2,z\nx,4\n'
    message = refusal(tmp_path, content, types={"a": "int32"}).message
    assert "line 5, byte 16, column 'a'" in message
    assert "int32" in message
    assert "'x'" in message
    for kind, value in (("decimal(4,2)", "1.255"), ("decimal(50,2)", "1.255"), ("int8", "300")):
        assert "line 2" in refusal(tmp_path, f"a\n{value}\n".encode(), types={"a": kind}).message


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_a_number_too_large_for_its_type_is_not_infinite(tmp_path: Path, kind: str) -> None:
    content = b"x,n\n-inf,1\nInfinity,2\n,3\n1e400,4\n"
    message = refusal(tmp_path, content, types={"x": kind}).message
    assert "line 5, byte 25, column 'x': too large" in message
    assert "'1e400'" in message
    found = read(tmp_path, content.replace(b"1e400", b"1.5"), types={"x": kind})
    assert found.column("x").to_pylist() == [-math.inf, math.inf, None, 1.5]


def test_a_refused_value_beside_bytes_that_are_no_text_is_still_located(tmp_path: Path) -> None:
    message = refusal(tmp_path, b"a,b\nx,\xff\n", types={"a": "int32"}).message
    assert "line 2" in message


def test_a_declared_type_needs_its_column(tmp_path: Path) -> None:
    assert "no column 'z'" in refusal(tmp_path, b"a\n1\n", types={"z": "int32"}).message


def test_nothing_is_inferred_when_that_is_off(tmp_path: Path) -> None:
    found = read(tmp_path, b"a,b\n1,2\n", infer=False, types={"b": "int8"})
    assert found.schema == pa.schema([("a", pa.string()), ("b", pa.int8())])


@pytest.mark.parametrize("place", [0, 100_000, 199_999])
@pytest.mark.parametrize(
    ("usual", "odd", "kind"),
    [
        ("7", "x", pa.string()),
        ("7", "007", pa.string()),
        ("7", "7.5", pa.float64()),
        ("7", "9223372036854775808", pa.string()),
        ("7.5", "1e5", pa.float64()),
        ("7.5", "9007199254740993", pa.string()),
        ("", "x", pa.string()),
        ("", "7", pa.int64()),
        ("true", "yes", pa.string()),
        ("2024-01-01", "n/a", pa.string()),
        ("2024-01-01 10:00:00", "2024-01-01 10:00:00.123456789", pa.timestamp("ns")),
    ],
)
def test_an_odd_value_counts_wherever_it_stands(
    tmp_path: Path, place: int, usual: str, odd: str, kind: pa.DataType
) -> None:
    rows = [usual] * 200_000
    rows[place] = odd
    lines = "".join(f"{n},{value},{'x' * 20}\n" for n, value in enumerate(rows))
    (tmp_path / "t.csv").write_text(f"id,value,note\n{lines}")
    found = move(home_of(tmp_path), "t")
    assert found.schema.field("value").type == kind
    assert found.column("id").equals(pa.chunked_array([pa.array(range(200_000))]))
    assert pc.count(found.column("value"), mode="only_null").as_py() == (199_999 * (usual == ""))
    if kind == pa.string():
        assert found.column("value")[place].as_py() == odd


def test_a_late_odd_value_asks_for_a_thorough_read(tmp_path: Path) -> None:
    content = b"a,note\n" + b"1,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n" * 150_000 + b"x,y\n"
    with pytest.raises(LateTypeError):
        read(tmp_path, content)


def test_numbers_with_exponents_wait_for_a_decimal_point(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a\n" + b"1e5\n" * 200_000 + b"0.5\n")
    assert move(home_of(tmp_path), "t").schema.field("a").type == pa.float64()


def test_files_with_other_columns_are_matched_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "1.csv").write_text("a,b\n1,x\n")
    (folder / "2.csv").write_text("b,a\ny,2.5\n")
    (folder / "3.csv").write_text("c,a\ntrue,3\n")
    (folder / "4.csv").write_text("")
    found = read_entity(home_of(tmp_path), "t")
    assert found.to_pydict() == {
        "a": [1.0, 2.5, 3.0],
        "b": ["x", "y", None],
        "c": [None, None, True],
    }


def test_columns_of_files_beyond_the_sample_are_typed_too(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number}.csv").write_text(f"id,a{number // 6}\n{number},{number}\n")
    (folder / "12.csv").write_text("id,a0\n12,x\n")
    found = move(home_of(tmp_path), "t")
    assert found.schema == pa.schema([("id", pa.int64()), ("a0", pa.string()), ("a1", pa.int64())])
    assert found.column("a0").to_pylist() == [*"012345", *[None] * 6, "x"]


def test_values_larger_than_a_block_are_read(tmp_path: Path) -> None:
    bare, quoted = "x" * 5_000_000, 'line\n"' * 800_000
    rows = f'1,{bare}\n2,"{quoted.replace(chr(34), chr(34) * 2)}"\n3,end\n'
    found = read(tmp_path, f"a,b\n{rows}".encode())
    assert found.column("b").to_pylist() == [bare, quoted, "end"]


def test_quotes_inside_of_bare_values_are_text_wherever_a_block_ends(tmp_path: Path) -> None:
    content = b"a,b\n" + b'1,5" pipe\n' * 100_001
    found = read(tmp_path, content)
    assert pc.unique(found.column("b")).to_pylist() == ['5" pipe']
    assert found.num_rows == 100_001


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,x\n" * 8_000_000, 1))
    before = pa.total_allocated_bytes()
    with home_of(tmp_path).open(ReadRequest("t", batch_bytes=2**20)) as source:
        (split,) = source.splits(1)
        with source.read(split) as batches:
            rows = 0
            for batch in batches:
                rows += batch.num_rows
                assert pa.total_allocated_bytes() - before < 16 * 2**20
    assert rows == 8_000_000


@pytest.mark.parametrize(
    "settings",
    [
        {"delimiter": ";x"},
        {"delimiter": ""},
        {"delimiter": "x"},
        {"delimiter": '"'},
        {"quote": ","},
        {"encoding": "utf-99"},
        {"encoding": "rot13"},
        {"types": {"a": "list(int64)"}},
        {"types": {"a": "number"}},
        {"skip_rows": -1},
    ],
)
def test_settings_without_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HomeConfig.create({"type": "csv", "path": ".", **settings})


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
odd_texts = st.text('a1",;\n\r\\ ', max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(st.none() | texts, st.none() | odd_texts), max_size=12),
    size=st.sampled_from([2**16]),
)
def test_what_another_tool_wrote_is_read_exactly(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str | None, str | None]],
    size: int,
) -> None:
    place = tmp_path_factory.mktemp("written")
    table = pa.table(
        {
            "a": pa.array([a for a, _ in rows], pa.string()),
            "b": pa.array([b for _, b in rows], pa.string()),
        }
    )
    with duckdb.connect() as connection:
        connection.register("given", table)
        target = str(place / "t.csv")
        connection.execute(f"COPY given TO '{target}' (HEADER, FORCE_QUOTE (a, b), NULLSTR '')")
    found = read_entity(home_of(place, infer=False), "t", batch_bytes=size)
    assert found.to_pydict() == table.to_pydict()
