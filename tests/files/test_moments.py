"""Formats of dates and times: what they match, what they refuse, what they cannot be."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygge.connectors.files.text.moments import moment_format, moments


def read(text: str, *values: str) -> list[object] | None:
    found = moment_format(text).read(pa.array([*values, None], pa.string()))
    return None if found is None else found.to_pylist()[:-1]


@pytest.mark.parametrize(
    ("text", "value", "moment"),
    [
        ("%d/%m/%Y", "29/02/2024", dt.date(2024, 2, 29)),
        ("%d/%m/%Y", "1/2/2024", dt.date(2024, 2, 1)),
        ("%-d/%-m/%Y", "1/2/2024", dt.date(2024, 2, 1)),
        ("%d.%m.%y", "01.02.24", dt.date(2024, 2, 1)),
        ("%d.%m.%y", "01.02.69", dt.date(1969, 2, 1)),
        ("%Y%m%d", "20240131", dt.date(2024, 1, 31)),
        ("%Y%j", "2024366", dt.date(2024, 12, 31)),
        ("%m/%Y", "02/2024", dt.date(2024, 2, 1)),
        ("%d-%b-%Y", "31-JAN-2024", dt.date(2024, 1, 31)),
        ("%A, %d %B %Y", "Wednesday, 31 January 2024", dt.date(2024, 1, 31)),
        ("%D %T", "01/31/24 10:20:30", dt.datetime(2024, 1, 31, 10, 20, 30)),
        ("%d/%m/%Y %I:%M %p", "31/01/2024 12:05 am", dt.datetime(2024, 1, 31, 0, 5)),
        ("%d/%m/%Y %I:%M %p", "31/01/2024 1:05 PM", dt.datetime(2024, 1, 31, 13, 5)),
        (
            "%d/%m/%Y %H:%M:%S.%f",
            "31/12/2024 10:00:00.123",
            dt.datetime(2024, 12, 31, 10, 0, 0, 123000),
        ),
        ("%d/%m/%Y %H:%M%z", "31/12/2024 10:00+0200", dt.datetime(2024, 12, 31, 8, tzinfo=dt.UTC)),
        ("%d/%m/%Y %H:%M %Z", "31/12/2024 10:00 UTC", dt.datetime(2024, 12, 31, 10, tzinfo=dt.UTC)),
        ("%s", "1704067200", dt.datetime(2024, 1, 1)),
        ("%H:%M", "10:20", dt.time(10, 20)),
        ("%d %% %m %Y", "31 % 01 2024", dt.date(2024, 1, 31)),
    ],
)
def test_a_format_reads_the_moment_that_a_text_names(text: str, value: str, moment: object) -> None:
    assert read(text, value, value) == [moment, moment]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("%d/%m/%Y", "31/02/2024"),
        ("%d/%m/%Y", "29/02/2023"),
        ("%d/%m/%Y", "00/01/2024"),
        ("%d/%m/%Y", "01/13/2024"),
        ("%d/%m/%Y", "01/01/24"),
        ("%d/%m/%Y", "01/01/0000"),
        ("%d/%m/%Y", " 01/01/2024"),
        ("%d/%m/%Y", "01/01/2024 "),
        ("%Y%m%d", "2024111"),
        ("%Y%j", "2023366"),
        ("%d/%m/%Y %H:%M", "31/01/2024 24:00"),
        ("%d/%m/%Y %H:%M:%S", "31/12/2024 23:59:60"),
        ("%d/%m/%Y %I:%M %p", "31/01/2024 13:05 PM"),
        ("%A, %d %B %Y", "Tuesday, 31 January 2024"),
        ("%d/%m/%Y %H:%M %Z", "31/12/2024 10:00 CEST"),
        ("%s", "01704067200"),
        ("%s", "99999999999999999"),
    ],
)
def test_what_does_not_exist_is_never_another_moment(text: str, value: str) -> None:
    assert read(text, value) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("DD/MM/YYYY", "has no directive"),
        ("%d/%m", "requires %Y or %y"),
        ("%d/%Y", "requires %m or %b"),
        ("%H:%M %p", "requires %I"),
        ("%I:%M", "requires %p"),
        ("%M:%S", "require %H or %I"),
        ("%Y %H", "requires %d"),
        ("%d/%d/%Y", "duplicate %d"),
        ("%y %Y", "have the same meaning"),
        ("%x", "unknown directive %x"),
        ("%d/%m/%Y %", "unknown directive %"),
        ("%s %Y", "cannot be combined"),
        ("%Y-%m-%d %z", "requires %H"),
    ],
)
def test_a_format_that_can_never_say_a_moment_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why.replace("%", "%")):
        moment_format(text)


@settings(deadline=None)
@given(
    st.lists(st.datetimes(min_value=dt.datetime(1000, 1, 1)), min_size=1, max_size=5),
    st.sampled_from(["%d/%m/%Y %H:%M:%S.%f", "%Y%m%d%H%M%S", "%a %d %b %Y %I:%M:%S %p", "%j.%Y"]),
)
def test_what_a_format_writes_it_reads_again(values: list[dt.datetime], text: str) -> None:
    written = [value.strftime(text) for value in values]
    found = read(text, *written)
    assert found is not None
    assert [value.strftime(text) for value in found] == written  # type: ignore[attr-defined]


def test_each_text_is_read_by_the_format_it_looks_like() -> None:
    texts = pa.array(["31/12/2024", "2024-01-01", None, "05.06.2023 10:30"])
    found = moments(texts, pa.timestamp("us"), ["%d/%m/%Y", "%d.%m.%Y %H:%M"])
    days = [
        dt.datetime(2024, 12, 31),
        dt.datetime(2024, 1, 1),
        None,
        dt.datetime(2023, 6, 5, 10, 30),
    ]
    assert found.to_pylist() == days


@pytest.mark.parametrize("text", ["31/02/2024", "2024-02-31", "x", "05.06.2023 10:30"])
def test_a_text_that_names_no_day_is_refused(text: str) -> None:
    with pytest.raises(pa.ArrowInvalid):
        moments(pa.array([text]), pa.date32(), ["%d/%m/%Y", "%d.%m.%Y %H:%M"])
