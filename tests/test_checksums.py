"""Checksums of values: the same for the same value wherever it lies, another for another."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from hygge.types.checksums import as_plain, hashes, plain, total_of

ARRAYS: dict[str, pa.Array] = {
    "int64": pa.array([1, -1, 0, 2**62, None]),
    "uint64": pa.array([1, 2**64 - 1, None], pa.uint64()),
    "int8": pa.array([1, -1, 0, None], pa.int8()),
    "bool": pa.array([True, False, None]),
    "double": pa.array([1.5, 0.0, float("nan"), float("inf"), None]),
    "float16": pa.array([1.5, 0.0, None], pa.float16()),
    "text": pa.array(["", "a", "ab", "ba", "aa", "a" * 513, "a" * 514, "æ", "\0", None]),
    "bytes": pa.array([b"", b"\0", b"\0\0", None]),
    "fixed": pa.array([b"ab", b"ba", None], pa.binary(2)),
    "decimal128": pa.array([Decimal("1.50"), Decimal("-1.50"), None], pa.decimal128(20, 2)),
    "decimal256": pa.array([Decimal("1.50"), Decimal(10) ** 40, None], pa.decimal256(60, 2)),
    "decimal32": pa.array([Decimal("1.50"), Decimal("1.51"), None], pa.decimal32(5, 2)),
    "timestamp": pa.array([0, 1, -1, None], pa.timestamp("ns", "UTC")),
    "date": pa.array([0, 1, -1, None], pa.date32()),
    "time": pa.array([0, 1, None], pa.time64("us")),
    "duration": pa.array([0, 1, None], pa.duration("s")),
    "list": pa.array([[1, 2], [2, 1], [], [None], [1], None]),
    "large_list": pa.array([["a"], [""], None], pa.large_list(pa.string())),
    "pairs": pa.array([[1, 2], [2, 1], None], pa.list_(pa.int64(), 2)),
    "struct": pa.array([{"a": 1, "b": 2}, {"a": 2, "b": 1}, {"a": None, "b": None}, None]),
    "map": pa.array([[("a", 1)], [("a", 2)], [], None], pa.map_(pa.string(), pa.int64())),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_every_value_of_a_type_has_a_number_of_its_own_wherever_it_lies(name: str) -> None:
    array = ARRAYS[name]
    numbers = hashes(array).to_pylist()
    assert len(set(numbers)) == len(array)
    for row, number in enumerate(numbers):
        assert hashes(array.slice(row, 1)).to_pylist() == [number]
    again = pa.concat_arrays([array.slice(1), array, array.slice(0, 1)])
    assert hashes(again).to_pylist() == [*numbers[1:], *numbers, numbers[0]]
    assert len(hashes(array.slice(0, 0))) == 0


def test_a_value_under_a_null_is_not_looked_at() -> None:
    hidden = pa.ListArray.from_arrays(
        pa.array([0, 2, 3], pa.int32()),
        pa.array([7, 8, 9]),
        mask=pa.array([True, False]),
    )
    assert hashes(hidden).equals(hashes(pa.array([None, [9]], pa.list_(pa.int64()))))


def test_zeros_and_nans_are_alike_and_order_does_not_matter() -> None:
    ours = hashes(pa.array([0.0, -0.0, float("nan"), -float("nan")])).to_pylist()
    assert (ours[0], ours[2]) == (ours[1], ours[3])
    texts = [f"{n}" for n in range(10_000)]
    one, other = hashes(pa.array(texts)), hashes(pa.array(texts[::-1]))
    assert total_of(one) == total_of(other) != total_of(hashes(pa.array(texts[1:])))


@pytest.mark.parametrize(
    ("array", "alike"),
    [
        (pa.array(["a", "b", "a"]).dictionary_encode(), pa.array(["a", "b", "a"])),
        (pa.array(["a"], pa.large_string()), pa.array(["a"])),
        (pa.array([b"\1" * 16], pa.uuid()), pa.array(["01010101-0101-0101-0101-010101010101"])),
        (pa.array([0.1], pa.float64()).cast(pa.float32()), pa.array([0.1], pa.float32())),
    ],
    ids=lambda array: str(array.type),
)
def test_types_that_hold_the_same_values_are_compared_in_one(
    array: pa.Array, alike: pa.Array
) -> None:
    assert hashes(as_plain(array, plain(array.type))).equals(hashes(alike))
