"""Values as text: what has no text is refused by name, and lines are counted as a reader does."""

from __future__ import annotations

import csv
import io

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygge.connector import StoreConfig
from hygge.connectors.files.formats import FileFormat
from hygge.connectors.files.text.json_text import rows_text
from hygge.connectors.files.text.values import count_outside_quotes, texts
from hygge.connectors.files.writing.store import FileStoreConfig
from hygge.errors import StoreError
from hygge.types.casting import exact_cast
from hygge.types.unfit import UnfitError

NO_CLOCK = pa.array([1, -13_899_000], pa.int64()).view(pa.time64("us"))


def test_a_time_that_no_clock_shows_is_refused_by_name() -> None:
    what = "'at' contains an invalid time of day: -13899000 us"
    with pytest.raises(StoreError, match=what):
        texts("at", NO_CLOCK)
    with pytest.raises(StoreError, match=what):
        rows_text(pa.record_batch({"at": NO_CLOCK}))
    with pytest.raises(pa.ArrowInvalid, match="no such time of day"):
        exact_cast(NO_CLOCK, pa.string())


@pytest.mark.parametrize("zone", ["UTC", "Europe/Oslo", "+02:00"])
def test_an_instant_is_written_in_utc_whatever_its_zone(zone: str) -> None:
    values = pa.array([0, None, 1_700_000_000_123_456, -1]).cast(pa.timestamp("us", zone))
    assert texts("at", values).to_pylist() == [
        "1970-01-01T00:00:00.000000Z",
        None,
        "2023-11-14T22:13:20.123456Z",
        "1969-12-31T23:59:59.999999Z",
    ]


@settings(deadline=None)
@given(
    st.lists(st.lists(st.text(alphabet='ab,"\n\r'), min_size=2, max_size=2), max_size=8),
    st.sampled_from(["\n", "\r\n"]),
)
def test_lines_outside_of_quotes_are_the_rows(rows: list[list[str]], line_end: str) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(rows)
    text = out.getvalue().encode()
    for size in (2, len(text) or 1):
        blocks = [text[start : start + size] for start in range(0, len(text), size)]
        assert count_outside_quotes(blocks, '"', line_end) == len(rows)


@pytest.mark.parametrize("kind", [pa.struct([]), pa.list_(pa.struct([]))])
def test_objects_without_fields_are_refused_where_the_format_has_none(kind: pa.DataType) -> None:
    with pytest.raises(UnfitError, match="does not support structs without fields"):
        form("parquet").fit(kind)
    assert form("jsonl").fit(kind) == kind


def form(store: str) -> FileFormat:
    config = StoreConfig.create({"type": store, "path": "out"})
    assert isinstance(config, FileStoreConfig)
    return config.format()
