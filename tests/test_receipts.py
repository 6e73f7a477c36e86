"""The receipt: exact figures of what is staged, whatever the batches, the splits and the types."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import pyarrow as pa
import pytest

from hygge.transform.counting import MOST_COLUMNS, MOST_MEASURED, Counting, receipt_of
from hygge.values.model import ColumnReceipt, Receipt
from hygge.values.receipts import dump_receipt, load_receipt


def receipt(table: pa.Table, *, batch_rows: int = 2, splits: int = 1) -> Receipt:
    """Return the receipt of a table that passes in small batches, dealt out to splits."""
    countings = [Counting(table.schema) for _ in range(splits)]
    for number, batch in enumerate(table.to_batches(max_chunksize=batch_rows)):
        countings[number % splits].add(batch)
    return receipt_of(table.schema, countings)


def figures(values: object, kind: pa.DataType) -> tuple[int, str | None, str | None, str | None]:
    array = values if isinstance(values, pa.Array) else pa.array(values, kind)
    found = receipt(pa.table({"x": array}))
    (column,) = found.columns
    return column.nulls, column.min, column.max, column.sum


ZONE = timezone(timedelta(hours=2))
MOST = 2**63 - 1


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([3, None, -1, 7, 2], pa.int16(), (1, "-1", "7", "11")),
        ([MOST, MOST, MOST, -1], pa.int64(), (0, "-1", str(MOST), str(3 * MOST - 1))),
        ([-MOST - 1] * 4, pa.int64(), (0, str(-MOST - 1), str(-MOST - 1), str(-4 * MOST - 4))),
        ([2**64 - 1] * 3, pa.uint64(), (0, str(2**64 - 1), str(2**64 - 1), str(3 * 2**64 - 3))),
        (
            [Decimal("99999.10"), None, Decimal("-0.90")],
            pa.decimal128(38, 2),
            (1, "-0.90", "99999.10", "99998.20"),
        ),
        (
            [Decimal("9" * 38)] * 3,
            pa.decimal128(38, 0),
            (0, "9" * 38, "9" * 38, "2" + "9" * 37 + "7"),
        ),
        ([Decimal("9" * 76)] * 2, pa.decimal256(76, 0), (0, "9" * 76, "9" * 76, None)),
        ([Decimal("1.5"), Decimal("2.5")], pa.decimal64(10, 1), (0, "1.5", "2.5", "4.0")),
        ([Decimal(0), Decimal("-0.01")], pa.decimal128(9, 2), (0, "-0.01", "0.00", "-0.01")),
        ([0.1, None, -2.5, float("nan")], pa.float64(), (1, "-2.5", "0.1", None)),
        ([float("nan")] * 3, pa.float64(), (0, None, None, None)),
        ([float("nan"), float("nan"), 1.0, None], pa.float32(), (1, "1.0", "1.0", None)),
        ([-0.0, -0.0], pa.float64(), (0, "0.0", "0.0", None)),
        ([1.5, float("inf")], pa.float16(), (0, "1.5", "inf", None)),
        ([True, None, True, False], pa.bool_(), (1, None, None, "2")),
        (
            [datetime(2024, 5, 1, 12, tzinfo=ZONE), datetime(1969, 1, 1, tzinfo=ZONE)],
            pa.timestamp("us", "Europe/Berlin"),
            (0, "1968-12-31 22:00:00.000000Z", "2024-05-01 10:00:00.000000Z", None),
        ),
        ([datetime(2024, 5, 1, 12)], pa.timestamp("s"), (0, *["2024-05-01 12:00:00"] * 2, None)),
        ([date(2024, 5, 1), date(1, 1, 1)], pa.date32(), (0, "0001-01-01", "2024-05-01", None)),
        ([date(2024, 5, 1)], pa.date64(), (0, "2024-05-01", "2024-05-01", None)),
        ([time(23, 1), time(0)], pa.time64("us"), (0, "00:00:00.000000", "23:01:00.000000", None)),
        ([time(23, 1)], pa.time32("s"), (0, "23:01:00", "23:01:00", None)),
        (["secret name", None], pa.string(), (1, None, None, None)),
        ([b"x", None, None], pa.binary(), (2, None, None, None)),
        ([[1], None], pa.list_(pa.int64()), (1, None, None, None)),
        ([{"a": 1}, None], pa.struct([("a", pa.int64())]), (1, None, None, None)),
        ([timedelta(1), None], pa.duration("s"), (1, None, None, None)),
        ([None, None, None], pa.int64(), (3, None, None, None)),
        ([None, None], pa.null(), (2, None, None, None)),
        ([], pa.int64(), (0, None, None, None)),
        (["a", None, "b"], pa.dictionary(pa.int8(), pa.string()), (1, None, None, None)),
    ],
)  # fmt: skip
def test_figures_are_exact(
    values: list[object],
    kind: pa.DataType,
    expected: tuple[int, str | None, str | None, str | None],
) -> None:
    assert figures(values, kind) == expected


def test_nulls_without_a_mask_of_their_own_are_counted() -> None:
    words = pa.DictionaryArray.from_arrays(pa.array([0, 1, 1, None]), pa.array(["a", None]))
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([3, 4]), pa.array([None, 1]))
    assert figures(words, words.type)[0] == 3
    assert figures(runs, runs.type)[0] == 3


def test_a_year_that_has_more_than_four_digits_is_told_as_a_watermark_is() -> None:
    days = pa.array([4_000_000], pa.int32()).view(pa.date32())
    assert figures(days, days.type)[1] == "epoch 4000000"


def test_splits_and_batches_make_no_difference() -> None:
    chance = random.Random(7)
    rows = 501
    table = pa.table(
        {
            "id": pa.array([chance.choice([None, *range(-9, 9)]) for _ in range(rows)], pa.int64()),
            "huge": pa.array([chance.choice([MOST, -MOST, 1]) for _ in range(rows)], pa.int64()),
            "price": pa.array([Decimal(chance.randrange(10**9)) / 100 for _ in range(rows)]),
            "ratio": pa.array([chance.choice([None, float("nan"), -3.0]) for _ in range(rows)]),
            "name": pa.array([chance.choice([None, "a"]) for _ in range(rows)]),
        }
    )  # fmt: skip
    whole = receipt(table, batch_rows=rows)
    assert whole.rows == rows
    assert whole == receipt(table, batch_rows=1, splits=7) == receipt(table, splits=3)
    found = {column.name: column for column in whole.columns}
    for name in ("id", "huge", "price"):
        values = [value for value in table[name].to_pylist() if value is not None]
        assert (found[name].min, found[name].max) == (str(min(values)), str(max(values)))
        assert Decimal(found[name].sum or "") == sum(values)
        assert found[name].nulls == table[name].null_count


def test_slices_are_counted_by_what_they_show() -> None:
    table = pa.table({"x": pa.array([100, None, 1, 2, None, 100], pa.int64())})
    (batch,) = table.slice(1, 3).to_batches()
    counting = Counting(batch.schema)
    counting.add(batch)
    found = receipt_of(batch.schema, [counting])
    assert found.columns == (ColumnReceipt("x", 1, "1", "2", "3"),)


def test_a_table_of_very_many_columns_has_a_receipt_of_bounded_size() -> None:
    names = [f"c{number}" for number in range(MOST_COLUMNS + 5)]
    found = receipt(pa.table({name: pa.array([number]) for number, name in enumerate(names)}))
    assert len(found.columns) == MOST_COLUMNS
    assert found.left_out == 5
    assert [column.sum is not None for column in found.columns] == [
        number < MOST_MEASURED for number in range(MOST_COLUMNS)
    ]


def test_columns_without_figures_do_not_use_up_those_that_may_have_some() -> None:
    texts = {f"t{number}": pa.array(["x"]) for number in range(MOST_MEASURED)}
    found = receipt(pa.table({**texts, "id": pa.array([4])}))
    assert found.columns[-1] == ColumnReceipt("id", 0, "4", "4", "4")


def test_what_is_written_down_is_read_again() -> None:
    table = pa.table({"id": [1, 2], "name": ["a", None], "flag": [True, None]})
    found = receipt(table)
    assert load_receipt(dump_receipt(found)) == found
    assert dump_receipt(found) == {
        "rows": 2,
        "columns": [
            {"name": "id", "nulls": 0, "min": "1", "max": "2", "sum": "3"},
            {"name": "name", "nulls": 1},
            {"name": "flag", "nulls": 1, "sum": "1"},
        ],
    }
    many = Receipt(1, (), left_out=3)
    assert load_receipt(dump_receipt(many)) == many
