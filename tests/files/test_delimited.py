from __future__ import annotations

import io

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyarrow import csv

from hygge.connectors.files.text.blocks import BlockReader
from hygge.connectors.files.text.decoding import TextStream
from hygge.connectors.files.text.delimited import DelimitedReader
from hygge.connectors.files.text.dialects import Dialect
from hygge.errors import HomeError

COLUMNS = ["a", "b"]


def read_in_blocks(data: bytes, dialect: Dialect, size: int) -> list[dict[str, str | None]]:
    stream = TextStream(io.BytesIO(data), "made.txt", "utf-8")
    reader = DelimitedReader(BlockReader(stream, size, dialect.cut), dialect, COLUMNS)
    return [row for table in reader.tables() for row in table.to_pylist()]


def read_at_once(data: bytes, dialect: Dialect) -> list[dict[str, str | None]] | None:
    """Return what Arrow's parser makes of the whole text; None when it refuses it."""
    if not data:
        return []
    data += b"" if data.endswith((b"\n", b"\r")) else b"\n"
    try:
        table = csv.read_csv(
            pa.BufferReader(data),
            read_options=csv.ReadOptions(column_names=COLUMNS, use_threads=False),
            parse_options=dialect.parse_options(newlines=True, columns=2),
            convert_options=dialect.convert_options(dict.fromkeys(COLUMNS, pa.string())),
        )
    except pa.ArrowInvalid:
        return None
    rows: list[dict[str, str | None]] = table.to_pylist()
    return rows


dialects = st.sampled_from(
    [
        Dialect(),
        Dialect(quote=None),
        Dialect(escape="\\"),
        Dialect(escape="\\", has_doubled_quotes=False),
        Dialect(quote=None, escape="\\"),
    ]
)
fields = st.text('xy"', max_size=4) | st.text('x"\\\n,', max_size=6).map(lambda t: f'"{t}"')
lines = st.lists(st.tuples(fields, fields).map(",".join), max_size=10)
tame = st.tuples(lines, st.sampled_from(["\n", "\r\n"])).map(lambda t: t[1].join([*t[0], ""]))
wild = st.text('x",\n\r\\', max_size=40)


@settings(max_examples=300, deadline=None)
@given(text=tame | wild, dialect=dialects, size=st.integers(1, 40))
def test_blocks_of_any_size_hold_what_the_whole_holds(
    text: str, dialect: Dialect, size: int
) -> None:
    assume(dialect.escape is None or not text.rstrip("\r\n").endswith(dialect.escape))
    data = text.encode()
    expected = read_at_once(data, dialect)
    try:
        found = read_in_blocks(data, dialect, size)
    except HomeError as error:
        found, refusal = None, error.message
        # Arrow glues what follows a closing quote to the value.
        is_quote = "not closed" in refusal or "after a closing quote" in refusal
        expected = None if is_quote else expected
    assert found == expected


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_an_error_has_the_same_place_whatever_the_blocks(size: int) -> None:
    data = b'1,"x\ny"\n' * 20 + b"2,3,4\n" + b"5,6\n" * 20
    with pytest.raises(HomeError) as raised:
        read_in_blocks(data, Dialect(), size)
    assert "line 41, byte 160: 3 fields" in raised.value.message
