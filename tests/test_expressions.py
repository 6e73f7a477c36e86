"""The language of `where:` and `compute:`, against what SQL says of the same rows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest

from hygge.settings.expressions import ExpressionError, parse

ROWS = pa.table(
    {
        "id": pa.array([1, 2, None, 4], pa.int64()),
        "price": pa.array([Decimal("1.50"), None, Decimal("2.25"), Decimal("-3.00")]),
        "qty": pa.array([2, 3, 4, 0], pa.int32()),
        "name": pa.array(["a", " B ", None, "it's"]),
        "Full Name": pa.array(["x", "y", "z", 'q"q']),
        "day": pa.array([date(2026, 1, 1), None, date(1999, 12, 31), date(2030, 1, 1)]),
        "at": pa.array([datetime(2026, 1, 1, 12)] * 3 + [None], pa.timestamp("us")),
        "zoned": pa.array([datetime(2026, 1, 1, 12, tzinfo=UTC)] * 4, pa.timestamp("us", "UTC")),
        "open": pa.array([True, False, None, True]),
    }
)
SAME_AS_SQL = [
    "id = 1",
    "id <> 1 and not qty > 3",
    "id != 1 or id is null",
    "price > 1.6",
    "price * qty >= 3",
    "price + 1.005 = 2.505",
    "-qty < -2",
    "qty - 1 between 1 and 2",
    "qty not between 1 and 2",
    "name in ('a', 'it''s')",
    "name not in ('a')",
    "id in (1, null)",
    "lower(trim(name)) = 'b'",
    "upper(name) = 'A'",
    "length(name) = 3",
    "coalesce(name, 'x') || '-' || qty = 'x-4'",
    "name || 'x' is null",
    "abs(price) = 3",
    '"Full Name" = \'q"q\'',
    "day >= '2026-01-01'",
    "day = date '2026-01-01'",
    "\"at\" > timestamp '2026-01-01T11:59:59.999999'",
    "zoned = timestamp '2026-01-01 12:00:00Z'",
    "open",
    "not open",
    "open and id > 1",
    "open or id > 1",
    "id = 1 or id = 2 and qty = 0",
    "(id = 1 or id = 2) and qty = 0",
    "true",
    "null",
    "ID = 1".lower(),
]


@pytest.mark.parametrize("text", SAME_AS_SQL)
def test_a_condition_holds_for_the_rows_that_sql_chooses(text: str) -> None:
    rows = ROWS.append_column("row", pa.array(range(ROWS.num_rows)))
    (batch,) = rows.combine_chunks().to_batches()
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("rows", rows)
    expected = connection.execute(f"SELECT row FROM rows WHERE {text} ORDER BY row").fetchall()
    chosen = batch.filter(parse(text).holds(batch)).column("row").to_pylist()
    assert chosen == [row for (row,) in expected]


def value_of(text: str) -> object:
    (batch,) = ROWS.slice(0, 1).to_batches()
    return parse(text).values(batch)[0].as_py()


def test_values_are_exact() -> None:
    assert value_of("price * qty") == Decimal("3.00")
    assert value_of("id / qty") == 0.5
    assert value_of("9223372036854775807 - id") == 9223372036854775806
    assert value_of("name || qty") == "a2"
    assert value_of("-" * 100_001 + "id") == -1


@pytest.mark.parametrize("text", ["9223372036854775807 + qty", "id / 0", "id = 'x'", "name > 1"])
def test_what_has_no_value_is_refused(text: str) -> None:
    with pytest.raises(pa.ArrowException):
        value_of(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected a value or a column, found the end"),
        ("id =", "found the end (character 5)"),
        ("(id", "expected ')'"),
        ("id id", "expected and, or, or the end, found 'id'"),
        ("drop(table)", "expected one of the functions abs"),
        ("id % 2", "cannot be parsed at '% 2'"),
        ("99999999999999999999 = id", "too large"),
        ("name like 'a'", "found 'like'"),
        ("lower(name, id) = 1", "takes one argument"),
        ("day > date 'soon'", "'soon' is not a date"),
        ("'open", "cannot be parsed"),
        ("id not 1", "expected 'in' or 'between'"),
        ("(" * 200 + "id" + ")" * 200, "nested too deeply"),
    ],
)
def test_what_is_no_expression_is_told_with_its_place(text: str, says: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert says in str(caught.value)


def test_the_columns_are_known_before_any_row() -> None:
    assert parse('lower("Full Name") = name and id in (qty)').columns == {
        "Full Name",
        "name",
        "id",
        "qty",
    }
