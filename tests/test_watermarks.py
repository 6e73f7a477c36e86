"""Watermarks as text and back: the same value, whatever its type, its year and its digits."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from hygge.types.watermarks import before, reason_against, text_of, tomorrow, value_of


def of(number: int, kind: pa.DataType) -> pa.Scalar:
    storage = pa.int32() if kind.bit_width == 32 else pa.int64()
    return pa.scalar(number, storage).cast(kind)


EXACT = [
    pa.scalar(-(2**63), pa.int64()),
    pa.scalar(2**64 - 1, pa.uint64()),
    pa.scalar(-128, pa.int8()),
    pa.scalar(0.1),
    pa.scalar(0.30000000000000004),
    pa.scalar(5e-324),
    pa.scalar(-1.7976931348623157e308),
    pa.scalar(0.1, pa.float32()),
    pa.scalar(Decimal("1E-10"), pa.decimal128(20, 10)),
    pa.scalar(Decimal("-" + "9" * 76), pa.decimal256(76, 0)),
    of(0, pa.date32()),
    of(-(2**31) + 1, pa.date32()),
    of(2**31 - 1, pa.date32()),
    of(3 * 86_400_000, pa.date64()),
    of(1, pa.timestamp("s")),
    of(-1, pa.timestamp("ms")),
    of(1_767_225_599_999_999, pa.timestamp("us")),
    of(1_767_225_599_999_999_999, pa.timestamp("ns")),
    of(1_767_225_599_999_999_999, pa.timestamp("ns", "UTC")),
    of(1_761_350_400_000_001, pa.timestamp("us", "Europe/Berlin")),
    of(2**62, pa.timestamp("us", "Asia/Kathmandu")),
    of(-(2**63) + 1, pa.timestamp("us")),
    of(2**63 - 1, pa.timestamp("s")),
    pa.scalar("ä'\\\0 "),
    pa.scalar("", pa.large_string()),
    pa.scalar("epoch 5"),
]


@pytest.mark.parametrize("value", EXACT, ids=lambda one: f"{one.type}-{text_of(one)[:20]!r}")
def test_a_text_is_the_very_value(value: pa.Scalar) -> None:
    again = value_of(text_of(value), value.type)
    assert again.type == value.type
    assert again.equals(value)


@pytest.mark.parametrize(
    ("value", "wider"),
    [
        (pa.scalar(7, pa.int8()), pa.int64()),
        (pa.scalar(7, pa.int32()), pa.decimal128(12, 2)),
        (pa.scalar(0.1, pa.float32()), pa.float64()),
        (of(1_500, pa.timestamp("ms")), pa.timestamp("ns")),
        (of(1_500_000, pa.timestamp("us")), pa.timestamp("us", "UTC")),
        (of(20_000, pa.date32()), pa.timestamp("us")),
        (pa.scalar("a"), pa.large_string()),
    ],
)
def test_a_wider_type_knows_the_same_value(value: pa.Scalar, wider: pa.DataType) -> None:
    again = value_of(text_of(value), wider)
    assert again.equals(value.cast(wider))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("x", pa.int64()),
        ("1.5", pa.int64()),
        ("300", pa.int8()),
        ("1.005", pa.decimal128(5, 2)),
        ("yesterday", pa.timestamp("us")),
        ("2026-01-01T00:00:00Z", pa.timestamp("us")),
        ("2026-13-01", pa.date32()),
        ("epoch", pa.date32()),
        ("2026-01-01 00:00:00.123456789", pa.timestamp("us")),
    ],
)
def test_a_text_of_no_value_is_refused(text: str, kind: pa.DataType) -> None:
    with pytest.raises(ValueError, match=text[:5]):
        value_of(text, kind)


def test_a_time_without_a_zone_is_one_of_utc() -> None:
    kind = pa.timestamp("us", "Asia/Tokyo")
    assert value_of("2026-01-31", kind).cast(pa.int64()).as_py() == 1_769_817_600_000_000


@pytest.mark.parametrize(
    ("value", "distance", "lower"),
    [
        (pa.scalar(5, pa.uint8()), 9, pa.scalar(0, pa.uint8())),
        (pa.scalar(-(2**63) + 1), 10**9, pa.scalar(-(2**63))),
        (pa.scalar(-100, pa.int8()), 10**9, pa.scalar(-128, pa.int8())),
        (
            pa.scalar(Decimal("5.5"), pa.decimal128(3, 1)),
            10**9,
            pa.scalar(Decimal("-99.9"), pa.decimal128(3, 1)),
        ),
        (of(5, pa.timestamp("s")), 0.5, of(4, pa.timestamp("s"))),
        (of(5, pa.timestamp("ns")), 1, of(5 - 10**9, pa.timestamp("ns"))),
        (of(10, pa.date32()), 3_600, of(9, pa.date32())),
        (pa.scalar(1.5), 2, pa.scalar(-0.5)),
    ],
)
def test_a_distance_is_never_too_short_nor_beyond_the_type(
    value: pa.Scalar, distance: float, lower: pa.Scalar
) -> None:
    assert before(value, distance).equals(lower)


def test_texts_have_no_distance() -> None:
    with pytest.raises(ValueError, match="cannot be subtracted"):
        before(pa.scalar("a"), 1)


@pytest.mark.parametrize(
    ("kind", "is_one"),
    [
        (pa.int32(), True),
        (pa.string_view(), True),
        (pa.decimal256(50, 3), True),
        (pa.time64("us"), False),
        (pa.bool_(), False),
        (pa.binary(), False),
        (pa.list_(pa.int64()), False),
        (pa.duration("s"), False),
    ],
)
def test_what_can_be_a_watermark(kind: pa.DataType, is_one: bool) -> None:
    assert (reason_against(kind) is None) is is_one


def test_the_future_begins_a_day_ahead_in_utc() -> None:
    now = datetime(2026, 3, 29, 2, 30, tzinfo=UTC)
    for kind in (pa.timestamp("s"), pa.timestamp("ns", "Asia/Tokyo"), pa.date32(), pa.date64()):
        latest = tomorrow(kind, now)
        assert latest is not None
        day = pa.scalar("2026-03-30").cast(pa.timestamp("s"))
        naive = latest.cast(pa.timestamp("s"), safe=False)
        assert pc.floor_temporal(naive, unit="day").cast(pa.timestamp("s"), safe=False) == day
    assert tomorrow(pa.int64(), now) is None
