from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygge.connector import Home, HomeConfig, ProjectContext, ReadRequest
from hygge.errors import HomeError, LateTypeError
from hygge.testing import FileHomeSuite
from hygge.testing.reading import read_entity

_OTHER = "never: JSON has no such type and its text does not say so"


class TestJsonlHome(FileHomeSuite):
    type_name = "jsonl"
    exemptions: ClassVar = {
        **dict.fromkeys(("binary", "large binary", "fixed size binary", "uuid"), _OTHER),
        **dict.fromkeys(("uint64", "float16", "float32", "map"), _OTHER),
        **{f"decimal({size})": _OTHER for size in ("9,2", "38,0", "38,18", "76,30")},
        **{f"time({unit})": _OTHER for unit in ("s", "ms", "us", "ns")},
        **{f"timestamp({unit})": _OTHER for unit in ("s", "ms", "us", "ns")},
        **{f"timestamp({unit},UTC)": _OTHER for unit in ("s", "ms", "us", "ns")},
        **dict.fromkeys(("timestamp(us,Europe/Oslo)", "duration(us)", "date", "date64"), _OTHER),
        "list of struct": _OTHER,
        "test_zero_rows_keep_the_schema": "never: a file without lines has no columns",
    }
    comes_back_as: ClassVar = {
        **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16", "uint32"), pa.int64()),
        **dict.fromkeys(("large string", "dictionary"), pa.string()),
        **dict.fromkeys(("large list", "fixed size list"), pa.list_(pa.int64())),
    }

    def write(self, table: pa.Table, path: Path) -> None:
        rows = table.to_pylist()
        path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))

    def spoil(self, place: Path, entity: str) -> None:
        """Cut the file off in the middle of a line."""
        path = place / f"{entity}.jsonl"
        content = path.read_bytes()
        path.write_bytes(content[: content.index(b"\n", len(content) // 2) + 10])


def home_of(place: Path, **settings: object) -> Home:
    data = {"type": "jsonl", "path": ".", **settings}
    return HomeConfig.create(data).home(ProjectContext(place))


def move(place: Path, content: bytes, **settings: object) -> pa.Table:
    """Read as a flow does: start again, thoroughly, when a type was guessed wrong."""
    (place / "t.jsonl").write_bytes(content)
    home = home_of(place, **settings)
    for thorough in (False, True):
        with home.open(ReadRequest("t", thorough=thorough, batch_bytes=2**17)) as source:
            try:
                (split,) = source.splits(1)
                with source.read(split) as batches:
                    return batches.read_all()
            except LateTypeError:
                assert not thorough
    raise AssertionError("unreachable")


def refusal(place: Path, content: bytes, **settings: object) -> str:
    with pytest.raises(HomeError) as raised:
        move(place, content, **settings)
    assert str(place / "t.jsonl") in raised.value.message
    return raised.value.message


@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        (["1", "null", "-2"], pa.int64(), [1, None, -2]),
        (["9007199254740993"], pa.int64(), [9007199254740993]),
        (["1", "2.5"], pa.float64(), [1.0, 2.5]),
        (["1e5", "1"], pa.float64(), [1e5, 1.0]),
        (["Infinity", "1", "-Infinity"], pa.float64(), [math.inf, 1.0, -math.inf]),
        (["NaN", '"x"'], pa.string(), ["NaN", "x"]),
        (["1e" + "4" * 40, "1.50"], pa.string(), ["1e" + "4" * 40, "1.50"]),
        (["1e-" + "4" * 40, "0"], pa.string(), ["1e-" + "4" * 40, "0"]),
        (["0.1234567890123456"], pa.float64(), [0.1234567890123456]),
        (["9007199254740993", "2.5"], pa.string(), ["9007199254740993", "2.5"]),
        (["12345678901234567890"], pa.string(), ["12345678901234567890"]),
        (["0.12345678901234567", "1"], pa.string(), ["0.12345678901234567", "1"]),
        (["1e400"], pa.string(), ["1e400"]),
        (["1", '"x"', "1.50"], pa.string(), ["1", "x", "1.50"]),
        (["true", "1"], pa.string(), ["true", "1"]),
        (['{"x": [1, 2.0]}', '"y"'], pa.string(), ['{"x":[1,2.0]}', "y"]),
        (['"2024-01-01 00:00:00"'], pa.string(), ["2024-01-01 00:00:00"]),
        (['"NaN"', '"null"'], pa.string(), ["NaN", "null"]),
        (["null"], pa.null(), [None]),
        (["{}"], pa.string(), ["{}"]),
        (["[]", "[1, 2.5]"], pa.list_(pa.float64()), [[], [1.0, 2.5]]),
        (['[1, "x"]', "null"], pa.list_(pa.string()), [["1", "x"], None]),
        (
            ['{"x": 1}', '{"y": "2024-01-01 00:00:00"}'],
            pa.struct([("x", pa.int64()), ("y", pa.string())]),
            [{"x": 1, "y": None}, {"x": None, "y": "2024-01-01 00:00:00"}],
        ),
        (['"\\u0000 \\ud83d\\ude00"'], pa.string(), ["\0 😀"]),
    ],
)
def test_values_have_the_type_that_keeps_them(
    tmp_path: Path, values: list[str], kind: pa.DataType, read: list[object]
) -> None:
    found = move(tmp_path, "".join(f'{{"a": {value}}}\n' for value in values).encode())
    assert found.schema == pa.schema([("a", kind)])
    assert found.column("a").to_pylist() == read


@pytest.mark.parametrize("place", [0, 24_999])
@pytest.mark.parametrize(
    ("usual", "odd", "kind"),
    [
        ("7", '"x"', pa.string()),
        ("7", "7.5", pa.float64()),
        ("7", "12345678901234567890", pa.string()),
        ("7.5", "9007199254740993", pa.string()),
        ("7.5", "0.12345678901234567", pa.string()),
        ("null", "[7]", pa.list_(pa.int64())),
        ('{"x": 1}', '{"y": 1}', pa.struct([("x", pa.int64()), ("y", pa.int64())])),
    ],
)
def test_an_odd_value_counts_wherever_it_stands(
    tmp_path: Path, place: int, usual: str, odd: str, kind: pa.DataType
) -> None:
    rows, wide = [usual] * 25_000, "x" * 100
    rows[place] = odd
    lines = "".join(
        f'{{"id": {n}, "wide": "{wide}", "a": {value}}}\n' for n, value in enumerate(rows)
    )
    found = move(tmp_path, lines.encode())
    fields = {str(field) for field in pa.field("a", kind).flatten()}
    assert {str(field) for field in found.schema.field("a").flatten()} == fields
    assert found.column("id").to_pylist() == list(range(25_000))
    if kind == pa.string():
        assert found.column("a")[place].as_py() == odd.strip('"')


def test_a_late_key_is_a_column(tmp_path: Path) -> None:
    found = move(tmp_path, b'{"a": 1%s}\n' % (b" " * 100) * 30_000 + b'{"a": 2, "b": "x"}\n')
    assert found.column_names == ["a", "b"]
    assert found.column("b").null_count == 30_000
    assert found.column("b")[30_000].as_py() == "x"


@pytest.mark.parametrize(
    ("line", "byte", "what"),
    [
        (b'{"a":', 5, "invalid JSON"),
        (b'{"a":007}', 6, "invalid JSON"),
        (b'{"a":+1}', 5, "invalid JSON"),
        (b'{"a":1} {"a":2}', 8, "invalid JSON"),
        (b'{"a":1},', 7, "invalid JSON"),
        (b'{"a":"x\ty"}', 7, "invalid JSON"),
        (b'{"a":"\xff"}', 6, "invalid UTF-8"),
        (b'{"a":Inf}', 5, "Inf"),
        (b'{"a":[-Inf]}', 6, "-Inf"),
        (b'{"a":-NaN}', 5, "-NaN"),
        (b'{"a":nan}', 5, "nan"),
        (b'{"a":1,"a":2}', 0, "duplicate key 'a'"),
        (b'{"a":"\\ud800"}', 0, "surrogate"),
        (b"null", 0, "not a JSON object"),
        (b'"x"', 0, "not a JSON object"),
        (b"7", 0, "not a JSON object"),
        (b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}", 0, "nested deeper"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 0, "nested deeper"),
    ],
)
@pytest.mark.parametrize("before", [0, 1, 100_000])
def test_a_broken_line_is_refused_with_its_number_and_byte(
    tmp_path: Path, line: bytes, byte: int, what: str, before: int
) -> None:
    content = b'{"a":1.5,"b":"x"}\r\n' * before + line + b"\n"
    message = refusal(tmp_path, content)
    assert f"line {before + 1}, byte {19 * before + byte}:" in message
    assert what in message


def test_blank_lines_and_blanks_around_objects_are_passed_over(tmp_path: Path) -> None:
    found = move(tmp_path, b'\n  {"a":1}  \r\n\r\n\t\n{"a":2}')
    assert found.to_pydict() == {"a": [1, 2]}


def test_declared_types_are_read_exactly(tmp_path: Path) -> None:
    content = b'{"a":1.10,"b":"2024-01-01","c":7,"d":1,"e":"2024-01-01T10:00:00Z"}\n'
    types = {"a": "decimal(9,2)", "b": "date", "c": "int8", "d": "string", "e": "timestamp(us,UTC)"}
    (row,) = move(tmp_path, content, types=types).to_pylist()
    assert (row["a"], str(row["b"]), row["c"], row["d"]) == (Decimal("1.10"), "2024-01-01", 7, "1")
    assert row["e"].isoformat() == "2024-01-01T10:00:00+00:00"


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("int8", "1", "300"),
        ("decimal(9,2)", "1.25", "1.255"),
        ("date", '"2024-01-01"', '"soon"'),
        ("timestamp", '"2024-01-01 10:00:00"', '"soon"'),
        ("bool", "true", '"yes"'),
    ],
)
def test_a_declared_type_refuses_with_the_line(
    tmp_path: Path, kind: str, good: str, bad: str
) -> None:
    lines = f'{{"a":{good}}}\n{{"a":null}}\n\n{{"a":{bad}}}\n'
    assert "line 4, byte" in refusal(tmp_path, lines.encode(), types={"a": kind})


def test_a_declared_text_takes_late_numbers(tmp_path: Path) -> None:
    content = b'{"a":"%s"}\n' % (b"x" * 100) * 30_000 + b'{"a":1.50}\n'
    found = move(tmp_path, content, types={"a": "string"})
    assert found.column("a")[30_000].as_py() == "1.50"


def test_a_declared_type_needs_its_column(tmp_path: Path) -> None:
    assert "no column 'z'" in refusal(tmp_path, b'{"a":1}\n', types={"z": "int8"})
    assert move(tmp_path, b"", types={"z": "int8"}).schema == pa.schema([("z", pa.int8())])
    assert "no columns" in refusal(tmp_path, b"")


def test_long_numbers_in_texts_do_not_turn_decimals_into_text(tmp_path: Path) -> None:
    found = move(tmp_path, b'{"a":1.5,"b":"12345678901234567890 1e999 NaN"}\n' * 10)
    assert found.schema.field("a").type == pa.float64()


def test_a_value_larger_than_a_block_is_read(tmp_path: Path) -> None:
    found = move(tmp_path, b'{"a":"' + b"x" * 9_000_000 + b'"}\n{"a":"y"}\n')
    assert [len(text) for text in found.column("a").to_pylist()] == [9_000_000, 1]


def test_files_are_unified_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "1.jsonl").write_text('{"a":1,"b":"x"}\n')
    (folder / "2.ndjson").write_text('{"b":"y","a":2.5}\n')
    (folder / "3.json").write_text('{"c":[1]}\n')
    assert read_entity(home_of(tmp_path), "t").to_pylist() == [
        {"a": 1.0, "b": "x", "c": None},
        {"a": 2.5, "b": "y", "c": None},
        {"a": None, "b": None, "c": [1]},
    ]


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**66), 2**66),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=4),
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
    ),
    max_leaves=6,
)
columns = st.sampled_from([scalars, anything, st.integers(-(2**66), 2**66), st.floats(-1e9, 1e9)])
tables = columns.flatmap(
    lambda value: st.lists(st.dictionaries(st.sampled_from("ab"), value), min_size=1, max_size=6)
)


def is_kept(value: Any, read: Any, *, is_inner: bool = False) -> bool:  # noqa: ANN401
    """Return whether `read` stands for exactly `value`; missing keys are null."""
    if isinstance(read, str) and not isinstance(value, str):
        return read == json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if isinstance(value, dict) and isinstance(read, dict):
        names = value.keys() | read.keys()
        return all(is_kept(value.get(n), read.get(n), is_inner=True) for n in names)
    if isinstance(value, list) and isinstance(read, list):
        return len(value) == len(read) and all(map(is_kept, value, read))
    if isinstance(value, bool) or isinstance(read, bool):
        return value is read
    if isinstance(value, float) and isinstance(read, float):
        return value == read and math.copysign(1, value) == math.copysign(1, read)
    return bool(value == read)


@settings(max_examples=150, deadline=None)
@given(rows=tables)
def test_every_value_is_kept(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    place = tmp_path_factory.mktemp("kept")
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    if not any(rows):
        return
    found = move(place, lines.encode()).to_pylist()
    assert len(found) == len(rows)
    for row, read in zip(rows, found, strict=True):
        assert is_kept(row, read), f"{row} became {read}"


def test_what_another_tool_wrote_is_read_exactly(tmp_path: Path) -> None:
    query = """
        select range as id, range / 7 as part, 'text ' || range as note,
               case when range % 3 = 0 then null else [range, range * 2] end as list,
               {'x': range % 2 = 0, 'y': null} as pair
        from range(50000)
    """
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{tmp_path / 't.jsonl'}' (FORMAT json)")
        expected = connection.sql(query).to_arrow_table().to_pylist()
    assert read_entity(home_of(tmp_path), "t", batch_bytes=2**18).to_pylist() == expected


@pytest.mark.parametrize(
    "value",
    [[None, None], [[None, None], [None], None, []], {"b": [None, None]}, [{"b": [None, None]}]],
)
def test_lists_of_nothing_but_nulls_keep_all_of_them(tmp_path: Path, value: object) -> None:
    rows = [{"a": value}, {"a": None}, {"a": value}]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    read = read_entity(home_of(tmp_path), "t")
    read.validate(full=True)
    assert read.to_pylist() == rows
