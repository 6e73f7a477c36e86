"""No cast changes a value: what Arrow's safe cast lets pass is refused, naming row and value."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygge.errors import FlowError
from hygge.settings.move import MoveSettings
from hygge.transform.shape import Shape
from hygge.types import casting
from hygge.types.casting import exact_cast

CHANGING = [
    ([1.5, 1e300], pa.float64(), pa.float32()),
    ([0.5, 0.1], pa.float64(), pa.float32()),
    ([0.25, 0.125], pa.float64(), pa.decimal128(5, 2)),
    ([Decimal("0.10"), Decimal("12345678901234567.89")], pa.decimal128(19, 2), pa.float64()),
    (["1.5", "1e400"], pa.string(), pa.float64()),
    ([datetime(2020, 1, 1), datetime(2020, 1, 1, 5)], pa.timestamp("us"), pa.date32()),
    ([1, 5], pa.int64(), pa.bool_()),
    ([1.0, 0.5], pa.float64(), pa.bool_()),
    ([[0.5], [0.1]], pa.list_(pa.float64()), pa.list_(pa.float32())),
    ([[0.5], [0.125]], pa.list_(pa.float64()), pa.list_(pa.decimal128(5, 2))),
]


@pytest.mark.parametrize(("values", "before", "after"), CHANGING, ids=str)
def test_a_value_that_a_cast_would_change_is_refused(
    values: list[Any], before: pa.DataType, after: pa.DataType
) -> None:
    with pytest.raises(pa.ArrowInvalid):
        exact_cast(pa.array(values, before), after)
    kept = exact_cast(pa.array([*values[:1], None], before), after)
    assert kept.cast(before).to_pylist() == [*values[:1], None]


@pytest.mark.parametrize(
    ("values", "before", "after"),
    [
        ([1.5, float("nan"), float("inf"), None], pa.float64(), pa.float32()),
        (["inf", "-Infinity", "nan", "2.5", None], pa.string(), pa.float64()),
        ([Decimal("0.10"), None], pa.decimal128(5, 2), pa.float64()),
        ([0.1, -0.0, None], pa.float64(), pa.decimal128(18, 4)),
        ([datetime(2020, 1, 1), None], pa.timestamp("ns"), pa.date32()),
        ([1, 0, None], pa.int8(), pa.bool_()),
        ([], pa.float64(), pa.float32()),
        ([None], pa.string(), pa.float64()),
    ],
    ids=str,
)
def test_values_that_stay_the_same_are_cast(
    values: list[Any], before: pa.DataType, after: pa.DataType
) -> None:
    assert exact_cast(pa.array(values, before), after).type == after


def test_a_time_without_a_zone_is_the_time_on_the_clocks_of_the_zone_it_is_given() -> None:
    noon = pa.array([datetime(2020, 1, 1, 12)], pa.timestamp("us"))
    there = exact_cast(noon, pa.timestamp("us", "Europe/Oslo"))
    assert there.cast(pa.timestamp("us", "UTC")).to_pylist() == [
        datetime(2020, 1, 1, 11, tzinfo=UTC)
    ]
    in_utc = exact_cast(noon, pa.timestamp("ms", "UTC"))
    assert in_utc.to_pylist() == [datetime(2020, 1, 1, 12, tzinfo=UTC)]
    twice = pa.array([datetime(2020, 10, 25, 2, 30)], pa.timestamp("us"))
    with pytest.raises(pa.ArrowInvalid):
        exact_cast(twice, pa.timestamp("us", "Europe/Oslo"))


def test_text_is_read_as_a_time_of_day_and_nothing_else_is() -> None:
    texts = pa.array(["12:30", "23:59:59.5", None])
    times = [time(12, 30), time(23, 59, 59, 500000), None]
    assert exact_cast(texts, pa.time64("us")).to_pylist() == times
    for wrong in ("12", "12:30:00Z", "25:00", "2020-01-01 12:30"):
        with pytest.raises(pa.ArrowInvalid):
            exact_cast(pa.array([wrong]), pa.time64("us"))
    with pytest.raises(pa.ArrowInvalid):
        exact_cast(texts, pa.time32("s"))


def test_a_zone_is_never_dropped_silently() -> None:
    there = pa.array([datetime(2020, 1, 1, 12)], pa.timestamp("us", "Europe/Oslo"))
    with pytest.raises(pa.ArrowNotImplementedError):
        exact_cast(there, pa.timestamp("us"))


def test_runs_and_dictionaries_are_cast_by_their_values() -> None:
    values = pa.array([1, 1, 2])
    assert exact_cast(pc.run_end_encode(values), pa.int32()).to_pylist() == [1, 1, 2]
    assert exact_cast(pa.array([0.5]).dictionary_encode(), pa.float32()).to_pylist() == [0.5]
    with pytest.raises(pa.ArrowInvalid):
        exact_cast(pa.array([0.1]).dictionary_encode(), pa.float32())


@given(st.lists(st.decimals(-(10**12), 10**12, places=2), max_size=5))
def test_decimals_of_14_digits_and_floats_become_one_another(values: list[Decimal]) -> None:
    kind = pa.decimal128(18, 2)
    floats = [float(value) for value in values]
    there = exact_cast(pa.array(values, kind), pa.float64())
    assert there.to_pylist() == floats
    assert exact_cast(pa.array(floats, pa.float64()), kind).to_pylist() == values


@pytest.mark.parametrize("value", [241.48, 0.1, 1e22, 1e-7, 5.0, 123456.789])
def test_a_float_becomes_the_decimal_that_a_person_reads(value: float) -> None:
    kind = pa.decimal128(38, 10)
    assert exact_cast(pa.array([value, None]), kind).to_pylist() == [Decimal(repr(value)), None]


def test_a_refused_nanosecond_is_shown_in_full() -> None:
    at = pa.array([0, 1577836800000000001]).cast(pa.timestamp("ns"))
    batch = pa.record_batch({"at": at})
    move = MoveSettings.model_validate({"columns": {"at": {"type": "timestamp(us)"}}})
    shape = Shape(move, batch.schema, run_id="r", loaded_at=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(
        FlowError,
        match=r"row 2: 2020-01-01 00:00:00\.000000001 cannot be "
        r"represented exactly as timestamp\[us\]",
    ):
        shape.apply(batch, shape.schema, 0)


def test_a_date_far_away_is_shown_too() -> None:
    day = pa.array([10**7], pa.int32()).cast(pa.date32())
    batch = pa.record_batch({"day": day})
    move = MoveSettings.model_validate({"columns": {"day": {"type": "timestamp(ns)"}}})
    shape = Shape(move, batch.schema, run_id="r", loaded_at=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(FlowError, match="row 1: "):
        shape.apply(batch, shape.schema, 0)


def test_a_date_becomes_midnight() -> None:
    day = pa.array([date(2020, 1, 1)])
    assert exact_cast(day, pa.timestamp("us")).to_pylist() == [datetime(2020, 1, 1)]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_a_uuid_becomes_its_usual_text(kind: pa.DataType) -> None:
    values = [uuid.UUID(int=n * 2**97 + n) if n % 3 else None for n in range(50)]
    packed = pa.array([one.bytes if one else None for one in values], pa.binary(16))
    array = pa.ExtensionArray.from_storage(pa.uuid(), packed)
    texts = [str(one) if one else None for one in values]
    for low, high in ((0, 50), (7, 31), (0, 1), (5, 5)):
        assert exact_cast(array[low:high], kind).to_pylist() == texts[low:high]


@pytest.mark.parametrize(
    "zone", ["UTC", "Etc/UTC", "+00:00", "-05:30", "Europe/Berlin", "Asia/Kolkata"]
)
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@settings(deadline=None, max_examples=20)
@given(st.lists(st.none() | st.integers(-(2**34), 2**34), max_size=20), st.integers(0, 3))
def test_texts_of_timestamps_are_those_of_arrow(
    zone: str, unit: str, values: list[int | None], start: int
) -> None:
    ticks = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    seconds = [None if one is None else max(min(one, 2**33), -(2**33)) for one in values]
    kind = pa.timestamp(unit, zone)
    array = pa.array([None if one is None else one * ticks + 1 for one in seconds], kind)[start:]
    assert exact_cast(array, pa.string()).equals(array.cast(pa.string()))
    assert exact_cast(array, pa.large_string()).equals(array.cast(pa.large_string()))


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize(
    "edge", [-(2**62), 2**62, -62_135_596_800_000_001, 253_402_300_800_000_000]
)
def test_texts_of_far_timestamps_are_those_of_arrow(zone: str, edge: int) -> None:
    array = pa.array([edge, None, 0], pa.timestamp("us", zone))
    assert exact_cast(array, pa.string()).equals(array.cast(pa.string()))


def test_the_texts_of_many_zoned_timestamps_ask_for_each_offset_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = 1_700_000_000
    hours = pa.array(range(start, start + 36_000_000, 3600), pa.timestamp("s", "Europe/Berlin"))
    texts = hours.cast(pa.string())
    asked: list[int] = []
    whole = casting.zoned_texts

    def counted(array: pa.Array) -> pa.Array:
        asked.append(len(array))
        return whole(array)

    monkeypatch.setattr(casting, "zoned_texts", counted)
    assert exact_cast(hours, pa.string()).equals(texts)
    assert asked == [2]
