from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Sequence
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygge.connectors.files.text.inference import Guess, candidates


def guess(texts: Sequence[str | None], block: int = 1000) -> Guess:
    found = Guess(candidates())
    for start in range(0, len(texts), block):
        found.learn(pa.array(texts[start : start + block], pa.string()))
    return found


def read(texts: Sequence[str | None]) -> pa.Array:
    values = guess(texts).type().read(pa.array(texts, pa.string()))
    assert values is not None
    return values


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        ([None, None], "null"),
        (["1", "-20", None], "int64"),
        (["9223372036854775807", "-9223372036854775808"], "int64"),
        (["9223372036854775808", "1"], "string"),
        (["007"], "string"),
        (["-0"], "string"),
        (["+1"], "string"),
        ([" 1"], "string"),
        (["0x1F"], "string"),
        (["1_000"], "string"),
        (["1e5", "1"], "string"),
        (["1e5", "1.5"], "float64"),
        (["1e-05", "0.1"], "float64"),
        (["1", "1.5", "-0"], "float64"),
        (["1.0", "1.5", "-0.0"], "float64"),
        (["1", "-.5"], "float64"),
        (["1", "1.50", ".5", "-0"], "string"),
        (["1", "1.0", "1.5"], "string"),
        (["0.5", ".5"], "string"),
        (["1.4", "1.40", "2.0"], "string"),
        (["1.40", "2.00", "-3.99", None], "decimal(18,2)"),
        (["3.10", "3.9"], "string"),
        (["0.00", "-0.00"], "string"),
        (["1.40", "01.50"], "string"),
        (["12345678901234567.89", "1.00"], "decimal(38,2)"),
        (["1.50", "123456789012345678901234567890123456789.00"], "string"),
        (["1.500000e+00", "-2.250000e-05"], "float64"),
        (["1.50e+00", "1.5e+00"], "string"),
        (["2310009E13", "12E3"], "string"),
        (["1E5", "1.5"], "string"),
        (["12e3", "1.5"], "string"),
        (["1.5E10", "1.0"], "float64"),
        (["9007199254740992", "1.5"], "float64"),
        (["9007199254740993", "1.5"], "string"),
        (["0.1234567890123456"], "float64"),
        (["0.12345678901234567"], "string"),
        (["0.000000000000000000001"], "float64"),
        (["5.0e-324"], "float64"),
        (["1.2345e-320"], "string"),
        (["1.0e400"], "string"),
        (["1.0e-400"], "string"),
        (["007.5"], "string"),
        (["+1.5"], "string"),
        (["nan", "1.5"], "string"),
        (["inf", "1.5"], "string"),
        (["NA", "1"], "string"),
        (["true", "False", "TRUE", None], "bool"),
        (["true", "1"], "string"),
        (["tRue"], "string"),
        (["2024-02-29", None], "date"),
        (["2023-02-29"], "string"),
        (["0000-01-01"], "string"),
        (["2024-01-01", "2024-01-01 10:00"], "string"),
        (["2024-01-01 10:00", "2024-01-01T10:00:00.123456"], "timestamp"),
        (["2024-01-01 10:00+02:00", "2024-01-01T10:00Z"], "timestamp(us,UTC)"),
        (["2024-01-01 10:00", "2024-01-01 10:00Z"], "string"),
        (["2024-01-01 10:00:00.123456789", "2024-01-01 10:00"], "timestamp(ns)"),
        (["1600-01-01 10:00:00.123456789"], "string"),
        (["9999-12-31 23:59:59-02:00"], "string"),
        (["2024-01-01 24:00:00"], "string"),
        (["", "1"], "string"),
    ],
)
def test_texts_have_the_type_that_keeps_them(texts: list[str | None], name: str) -> None:
    assert guess(texts).type().name == name


def test_offsets_become_utc() -> None:
    values = read(["2024-01-01 10:00+02:00"]).to_pylist()
    assert values == [dt.datetime(2024, 1, 1, 8, tzinfo=dt.UTC)]


def test_a_decimal_comma_is_a_point_and_a_point_is_none() -> None:
    def comma(texts: list[str]) -> str:
        found = Guess(candidates(","))
        found.learn(pa.array(texts))
        return found.type().name

    assert comma(["1,5", "2"]) == "float64"
    assert comma(["1.5", "2,5"]) == "string"


def test_given_formats_are_dates_and_timestamps() -> None:
    def formatted(text: str) -> tuple[str, object]:
        found = Guess(candidates(formats=["%d/%m/%Y", "%d/%m/%Y %H:%M"]))
        found.learn(pa.array([text]))
        values = found.type().read(pa.array([text]))
        assert values is not None
        return found.type().name, values[0].as_py()

    assert formatted("31/01/2024") == ("date", dt.date(2024, 1, 31))
    assert formatted("31/01/2024 10:30") == ("timestamp", dt.datetime(2024, 1, 31, 10, 30))
    assert formatted("2024-01-31") == ("date", dt.date(2024, 1, 31))
    assert formatted("31/01/2024x") == ("string", "31/01/2024x")


whole = st.integers(-(2**70), 2**70).map(str)
real = st.floats(allow_nan=True, allow_infinity=True).map(repr)
decimal = st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str)
digits = st.from_regex(r"\A[-+]?[0-9]{0,20}\.?[0-9]{0,20}([eE][-+]?[0-9]{1,3})?\Z")
dates = st.dates().map(str)
moments = st.datetimes().map(str)
zoned = st.datetimes(timezones=st.just(dt.UTC)).map(str)
words = st.sampled_from(["true", "FALSE", "NA", "nan", "inf", "", " 1", "1 ", "0x1", "-", "."])
kinds = [whole, real, decimal, digits, dates, moments, zoned, words, st.text(max_size=5)]
one_kind = st.one_of([st.lists(st.none() | kind, max_size=8) for kind in kinds])
many_kinds = st.lists(st.none() | st.one_of(kinds), max_size=8)


def stands_for(value: object, text: str) -> bool:
    if isinstance(value, bool):
        return str(value).lower() == text.lower()
    if isinstance(value, int):
        return str(value) == text
    if isinstance(value, float):
        return math.isfinite(value) and Decimal(repr(value)) == Decimal(text)
    if isinstance(value, Decimal):
        return f"{value:f}" == text
    if isinstance(value, dt.datetime):
        parsed = dt.datetime.fromisoformat(text)
        return parsed == value and (parsed.tzinfo is None) == (value.tzinfo is None)
    if isinstance(value, dt.date):
        return str(value) == text
    return value == text


@settings(deadline=None)
@given(one_kind | many_kinds)
def test_no_text_is_changed(texts: list[str | None]) -> None:
    for value, text in zip(read(texts).to_pylist(), texts, strict=True):
        assert (value is None) == (text is None)
        assert text is None or stands_for(value, text)


@settings(deadline=None)
@given(many_kinds | one_kind, st.randoms(use_true_random=False), st.integers(1, 8))
def test_the_order_of_rows_does_not_matter(
    texts: list[str | None], chance: random.Random, block: int
) -> None:
    mixed = texts.copy()
    chance.shuffle(mixed)
    assert guess(mixed, block).type().name == guess(texts).type().name


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_doubles_printed_by_a_program_are_doubles_again(values: list[float]) -> None:
    texts = [*map(repr, values), "0.5"]
    assert read(texts).to_pylist() == [*values, 0.5]
