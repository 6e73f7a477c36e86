"""Declared types of JSON lines: every text is read exactly, or refused with its line."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from hygge.connector import HomeConfig, ProjectContext
from hygge.errors import HomeError
from hygge.testing.reading import read_entity


def read_column(place: Path, kind: str, *values: str) -> pa.ChunkedArray:
    lines = [f'{{"a": {value}}}\n' for value in values]
    (place / "t.jsonl").write_text("".join(lines))
    config = HomeConfig.create({"type": "jsonl", "path": ".", "types": {"a": kind}})
    table = read_entity(config.home(ProjectContext(place)), "t")
    return table.column("a")


@pytest.mark.parametrize(
    ("kind", "written", "read"),
    [
        ("time", '"23:59:59.999999"', time(23, 59, 59, 999999)),
        ("time(s)", '"23:59"', time(23, 59)),
        ("time(ms)", '"00:00:00.001"', time(0, 0, 0, 1000)),
        ("timestamp", '"2020-01-01T12:00:00"', datetime(2020, 1, 1, 12)),
        ("timestamp(s)", '"2020-01-01"', datetime(2020, 1, 1)),
        (
            "timestamp(us,UTC)",
            '"2020-01-01T12:00:00+02:00"',
            datetime(2020, 1, 1, 10, tzinfo=UTC),
        ),
        ("list(date)", '["2020-01-01", null]', [date(2020, 1, 1), None]),
        (
            "list(timestamp(ms))",
            '["2020-01-01 12:00:00.5"]',
            [datetime(2020, 1, 1, 12, 0, 0, 500000)],
        ),
    ],
)
def test_dates_and_times_are_read_as_they_are_written(
    tmp_path: Path, kind: str, written: str, read: object
) -> None:
    assert read_column(tmp_path, kind, written, "null").to_pylist() == [read, None]


@pytest.mark.parametrize(
    ("kind", "written", "reason"),
    [
        ("timestamp", '"2020-01-01T12:00:00+02:00"', "expected no zone offset"),
        ("timestamp", '"2020-01-01T12:00:00Z"', "expected no zone offset"),
        ("timestamp(us,Europe/Oslo)", '"2020-01-01T12:00:00"', "expected a zone offset"),
        ("timestamp(s)", '"2020-01-01T12:00:00.5"', "2020-01-01T12:00:00.5"),
        ("list(timestamp)", '["2020-01-01T12:00:00Z"]', "expected no zone offset"),
        ("time", '"12"', "not a time of day"),
        ("time", '"12:00:00Z"', "not a time of day"),
        ("time(s)", '"12:00:00.5"', "12:00:00.5"),
        (
            "float64",
            '"0.5"',
            "declared double, which needs a JSON number, but this is a JSON string",
        ),
        ("list(int64)", '["1"]', "which needs a JSON number, but this is a JSON string"),
    ],
)
def test_a_value_that_its_declared_type_would_change_is_refused_with_its_line(
    tmp_path: Path, kind: str, written: str, reason: str
) -> None:
    with pytest.raises(HomeError) as raised:
        read_column(tmp_path, kind, "null", written)
    assert "t.jsonl, line 2, byte" in raised.value.message
    assert reason in raised.value.message


def test_a_number_in_quotes_is_answered_with_the_way_to_read_it(tmp_path: Path) -> None:
    with pytest.raises(HomeError) as raised:
        read_column(tmp_path, "float64", '"NaN"')
    assert "columns: {a: {type: …}}" in str(raised.value.hint)
    assert read_column(tmp_path, "string", '"NaN"').to_pylist() == ["NaN"]


def test_times_in_lists_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"list\(string\)"):
        read_column(tmp_path, "list(time)", "[]")
