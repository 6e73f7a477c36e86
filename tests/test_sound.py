from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hygge.types.value_checks import find_bad_text, find_too_large

BAD = b"Jos\xe9 "


def text(values: list[bytes | None], kind: pa.DataType | None = None) -> pa.Array:
    """Return bytes as if they were text, which Arrow believes whoever says so."""
    kind = kind or pa.string()
    plain = pa.large_binary() if pa.types.is_large_string(kind) else pa.binary()
    if pa.types.is_string_view(kind):
        plain = pa.binary_view()
    held = pa.array(values, plain)
    if pa.types.is_string_view(kind):
        return pa.Array.from_buffers(kind, len(held), held.buffers())
    return pa.Array.from_buffers(kind, len(held), held.buffers())


OFFSETS = pa.array([0, 1, 2, 3], pa.int32())
KEYS = text([b"a", b"b", BAD])
SHAPES = {
    "string": KEYS,
    "large_string": text([b"a", b"b", BAD], pa.large_string()),
    "string_view": text([b"a", b"b", BAD], pa.string_view()),
    "long string_view": text([b"a", b"b", b"x" * 30 + BAD], pa.string_view()),
    "dictionary": pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), KEYS),
    "list": pa.ListArray.from_arrays(OFFSETS, KEYS),
    "large_list": pa.LargeListArray.from_arrays(OFFSETS.cast(pa.int64()), KEYS),
    "fixed list": pa.FixedSizeListArray.from_arrays(KEYS, 1),
    "struct": pa.StructArray.from_arrays([pa.array([1, 2, 3]), KEYS], ["n", "t"]),
    "key of a map": pa.MapArray.from_arrays(OFFSETS, KEYS, pa.array([1, 2, 3])),
    "item of a map": pa.MapArray.from_arrays(OFFSETS, text([b"a", b"b", b"c"]), KEYS),
    "list of structs": pa.ListArray.from_arrays(OFFSETS, pa.StructArray.from_arrays([KEYS], ["t"])),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_text_that_is_not_utf8_is_found_with_its_row(shape: str) -> None:
    array = SHAPES[shape]
    batch = pa.record_batch({"n": pa.array([1, 2, 3]), "t": array})
    found = find_bad_text(batch)
    assert found is not None
    assert (found.column, found.row, found.code) == ("t", 2, "HG575")
    assert find_bad_text(batch.slice(0, 2)) is None
    late = find_bad_text(batch.slice(1))
    assert late is not None
    assert late.row == 1
    assert find_bad_text(batch, unproved={"t"}) is None


def test_the_place_of_the_first_bad_byte_is_told_and_nothing_around_it() -> None:
    found = find_bad_text(pa.record_batch({"t": text([b"secret\xe9\x20\x41\x42\x43"])}))
    assert found is not None
    assert found.problem.endswith("byte 7 of it begins e9 20 41 42")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.none() | st.binary(max_size=6), max_size=8), st.integers(0, 7))
def test_text_is_proved_as_python_proves_it(values: list[bytes | None], start: int) -> None:
    def is_text(value: bytes | None) -> bool:
        try:
            (value or b"").decode()
        except UnicodeDecodeError:
            return False
        return True

    batch = pa.record_batch({"t": text(values)}).slice(start)
    wrong = [n for n, value in enumerate(values[start:]) if not is_text(value)]
    found = find_bad_text(batch)
    assert (None if found is None else found.row) == (wrong[0] if wrong else None)


def test_garbage_under_a_null_is_no_text() -> None:
    held = text([b"a", BAD, b"c"])
    masked = pa.Array.from_buffers(
        pa.string(), 3, [pa.py_buffer(b"\x05"), *held.buffers()[1:]], null_count=1
    )
    assert find_bad_text(pa.record_batch({"t": masked})) is None


@pytest.mark.parametrize(
    "value",
    [
        pa.array(["x", "y" * 5000, "z"]),
        pa.array([b"x", b"y" * 5000, b"z"]),
        pa.array([[1], list(range(1000)), []]),
        pa.array([{"a": ["x"]}, {"a": ["y" * 5000]}, None]),
    ],
)
def test_a_value_larger_than_the_limit_is_found_with_its_row(value: pa.Array) -> None:
    batch = pa.record_batch({"n": pa.array([1, 2, 3]), "v": value})
    found = find_too_large(batch, 2000)
    assert found is not None
    assert (found.column, found.row, found.code) == ("v", 1, "HG576")
    assert find_too_large(batch, 10_000) is None


def test_many_small_values_are_not_a_large_one() -> None:
    batch = pa.record_batch({"v": pa.array(["some text"] * 10_000)})
    assert find_too_large(batch, 1000) is None
