"""Test tables for connectors: one per type, each with nulls and extreme values.

Each case is a table of two columns: `id` (int64, the row's number) and `value`.
"""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Callable
from decimal import Decimal

import pyarrow as pa

TEXTS = (
    "plain",
    "",
    " blanks around ",
    "comma, semicolon; tab\tpipe|",
    'quote " and \' and "" and `',
    "line\nbreak\r\nand\rmore",
    "back\\slash \\N \\n %s {x} $y",
    "äöüß ñ 中文 עברית",
    "🧶🪵 four bytes e\u0301 combined",
    "NULL",
    "null",
    "NA",
    "007",
    "1e5",
    "true",
    "\u0001\u001f control \u007f",
    "=1+1",
    "x" * 5000,
)

_FIRST, _LAST = dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)
_MOMENTS = (dt.datetime(1970, 1, 1), dt.datetime(2024, 2, 29, 23, 59, 59), dt.datetime(1900, 1, 1))


def _whole(kind: pa.DataType) -> pa.Array:
    bits, is_signed = kind.bit_width, pa.types.is_signed_integer(kind)
    low = -(2 ** (bits - 1)) if is_signed else 0
    high = 2 ** (bits - 1) - 1 if is_signed else 2**bits - 1
    return pa.array([0, 1, low, None, high, high - 1], kind)


def _real(kind: pa.DataType) -> pa.Array:
    values = [0.0, -0.0, 1.5, None, math.nan, math.inf, -math.inf, -2.25]
    edges = {32: [3.4028234663852886e38, 1e-45], 64: [1.7976931348623157e308, 5e-324, 0.1]}
    return pa.array(values + edges.get(kind.bit_width, []), kind)


def _decimal(kind: pa.DataType) -> pa.Array:
    edge = Decimal((0, (9,) * kind.precision, -kind.scale))
    small = Decimal((0, (1,), -kind.scale))
    return pa.array([Decimal(0), small, None, edge, edge.copy_negate()], kind)


def _moments(unit: str, zone: str | None = None) -> pa.Array:
    """Return times with all digits of the unit, within the years of its 64 bits."""
    ticks = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    seconds = [int(m.replace(tzinfo=dt.UTC).timestamp()) for m in _MOMENTS]
    values = [second * ticks + ticks - 1 for second in seconds]
    if unit != "ns":
        epoch = dt.datetime(1970, 1, 1)
        values += [(m - epoch) // dt.timedelta(seconds=1) * ticks for m in (_FIRST, _LAST)]
    return pa.array([*values, None], pa.int64()).cast(pa.timestamp(unit, zone))


def _time(kind: pa.DataType) -> pa.Array:
    last = {"s": 86399, "ms": 86399999, "us": 86399999999, "ns": 86399999999999}[kind.unit]
    return pa.array([0, 1, None, last], pa.int64() if kind.bit_width == 64 else pa.int32()).cast(
        kind
    )


def _dates() -> pa.Array:
    return pa.array([_FIRST.date(), dt.date(1970, 1, 1), None, dt.date(2024, 2, 29), _LAST.date()])


def _bytes(kind: pa.DataType) -> pa.Array:
    return pa.array([b"", b"\0\xff\xfe", None, b"text", bytes(range(256))], kind)


def _lists(kind: pa.DataType) -> pa.Array:
    return pa.array([[1, 2], [], None, [None], [2**62]], kind)


def _structs() -> pa.Array:
    kind = pa.struct([("a", pa.int64()), ("b", pa.string())])
    return pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": ""}, {"a": 2, "b": None}], kind)


def _deep() -> pa.Array:
    kind = pa.list_(pa.struct([("tags", pa.list_(pa.string())), ("n", pa.decimal128(9, 2))]))
    rows = [[{"tags": ["a", None], "n": Decimal("1.10")}], [], None, [None, {"tags": None}]]
    return pa.array(rows, kind)


def _maps() -> pa.Array:
    return pa.array([[("k", 1), ("l", None)], [], None], pa.map_(pa.string(), pa.int64()))


def _uuids() -> pa.Array:
    values = [uuid.UUID(int=0).bytes, None, uuid.UUID(int=2**128 - 1).bytes]
    return pa.ExtensionArray.from_storage(pa.uuid(), pa.array(values, pa.binary(16)))


CASES: dict[str, Callable[[], pa.Array]] = {
    "null": lambda: pa.nulls(3),
    "bool": lambda: pa.array([True, False, None]),
    **{
        str(kind): lambda kind=kind: _whole(kind)  # type: ignore[misc]
        for kind in (
            pa.int8(),
            pa.int16(),
            pa.int32(),
            pa.int64(),
            pa.uint8(),
            pa.uint16(),
            pa.uint32(),
            pa.uint64(),
        )
    },
    "float16": lambda: pa.array([0.0, -0.0, 1.5, None, math.inf], pa.float16()),
    "float32": lambda: _real(pa.float32()),
    "float64": lambda: _real(pa.float64()),
    "decimal(9,2)": lambda: _decimal(pa.decimal128(9, 2)),
    "decimal(38,0)": lambda: _decimal(pa.decimal128(38, 0)),
    "decimal(38,18)": lambda: _decimal(pa.decimal128(38, 18)),
    "decimal(76,30)": lambda: _decimal(pa.decimal256(76, 30)),
    "string": lambda: pa.array([*TEXTS, None]),
    "large string": lambda: pa.array([*TEXTS, None], pa.large_string()),
    "empty string and null": lambda: pa.array(["", None, "", "x", None]),
    "binary": lambda: _bytes(pa.binary()),
    "large binary": lambda: _bytes(pa.large_binary()),
    "fixed size binary": lambda: pa.array([b"\0\xff\0", None, b"abc"], pa.binary(3)),
    "date": _dates,
    "date64": lambda: _dates().cast(pa.date64()),
    "time(s)": lambda: _time(pa.time32("s")),
    "time(ms)": lambda: _time(pa.time32("ms")),
    "time(us)": lambda: _time(pa.time64("us")),
    "time(ns)": lambda: _time(pa.time64("ns")),
    "timestamp(s)": lambda: _moments("s"),
    "timestamp(ms)": lambda: _moments("ms"),
    "timestamp(us)": lambda: _moments("us"),
    "timestamp(ns)": lambda: _moments("ns"),
    "timestamp(s,UTC)": lambda: _moments("s", "UTC"),
    "timestamp(ms,UTC)": lambda: _moments("ms", "UTC"),
    "timestamp(us,UTC)": lambda: _moments("us", "UTC"),
    "timestamp(ns,UTC)": lambda: _moments("ns", "UTC"),
    "timestamp(us,Europe/Oslo)": lambda: _moments("us", "Europe/Oslo"),
    "duration(us)": lambda: pa.array([0, -1, None, 2**62], pa.duration("us")),
    "dictionary": lambda: pa.array(["a", "b", None, "a", ""]).dictionary_encode(),
    "list": lambda: _lists(pa.list_(pa.int64())),
    "large list": lambda: _lists(pa.large_list(pa.int64())),
    "fixed size list": lambda: pa.array([[1, 2], None, [3, None]], pa.list_(pa.int64(), 2)),
    "struct": _structs,
    "list of struct": _deep,
    "map": _maps,
    "uuid": _uuids,
}
"""The values of each case by its name; called to make them."""


def case_table(name: str) -> pa.Table:
    """Return the table of case `name`: `id` and `value`."""
    value = CASES[name]()
    return pa.table({"id": pa.array(range(len(value)), pa.int64()), "value": value})


def plain_table(rows: int, start: int = 0) -> pa.Table:
    """Return `rows` rows that any connector can hold: an integer and a text, with nulls.

    Row `n` has `id` n, so that a lost, duplicate or misplaced row is detected.
    """
    ids = pa.array(range(start, start + rows), pa.int64())
    texts = [None if n % 7 == 3 else f"row {n}" for n in range(start, start + rows)]
    return pa.table({"id": ids, "name": pa.array(texts, pa.string())})


def assert_same(actual: pa.Table, expected: pa.Table) -> None:
    """Raise `AssertionError` unless both hold the same columns, types, rows and bits, in order.

    NaN equals NaN and -0.0 differs from 0.0; metadata is not compared.
    """
    assert actual.schema.names == expected.schema.names
    for name in expected.schema.names:
        one, two = actual.column(name), expected.column(name)
        assert one.type == two.type, f"column {name!r} is {one.type}, expected {two.type}"
        assert _bits(one).equals(_bits(two)), f"column {name!r}: {_difference(one, two)}"


def _bits(column: pa.ChunkedArray) -> pa.Array:
    array = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_dictionary(array.type):
        return array.dictionary_decode()
    if pa.types.is_floating(array.type):
        return array.view({16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[array.type.bit_width])
    return array


def _difference(one: pa.ChunkedArray, two: pa.ChunkedArray) -> str:
    if len(one) != len(two):
        return f"{len(one)} rows, expected {len(two)}"
    for row, (left, right) in enumerate(zip(one, two, strict=True)):
        if str(left) != str(right):
            return f"row {row} is {str(left)[:200]!r}, expected {str(right)[:200]!r}"
    return "other bits of equal looking values"
