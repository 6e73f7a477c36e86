from __future__ import annotations

import pyarrow as pa
import pytest

from hygge.operations.discover import watermark_candidates
from hygge.values.model import EntityFacts

TIME, DATE, TEXT, WHOLE = pa.timestamp("us"), pa.date32(), pa.string(), pa.int64()


def candidates(*fields: tuple[str, pa.DataType], key: tuple[str, ...] = ()) -> tuple[str, ...]:
    return watermark_candidates(EntityFacts("t", pa.schema(fields), primary_key=key))


def test_changes_come_before_beginnings_times_before_dates_and_the_key_last() -> None:
    found = candidates(
        ("id", WHOLE),
        ("created_on", DATE),
        ("createdAt", TIME),
        ("MODIFIED", DATE),
        ("lastUpdate", pa.timestamp("ns", "UTC")),
        key=("id",),
    )
    assert found == ("lastUpdate", "MODIFIED", "createdAt", "created_on", "id")


@pytest.mark.parametrize(
    "name",
    ["updated_at", "UpdatedAt", "row_changed", "LAST_MODIFIED", "mtime", "inserted", "AddedOn"],
)
def test_names_of_many_styles_are_known(name: str) -> None:
    assert candidates((name, TIME)) == (name,)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("birthday", DATE),
        ("due_at", TIME),
        ("updated_by", TEXT),
        ("created", WHOLE),
        ("exchanged_at", TIME),
        ("padded_at", TIME),
    ],
)
def test_what_says_nothing_of_changes_is_no_candidate(name: str, kind: pa.DataType) -> None:
    assert candidates((name, kind)) == ()


@pytest.mark.parametrize(
    ("kind", "key"), [(TEXT, ("id",)), (WHOLE, ("id", "at")), (WHOLE, ()), (WHOLE, ("gone",))]
)
def test_a_key_is_one_only_when_it_is_a_single_whole_number(
    kind: pa.DataType, key: tuple[str, ...]
) -> None:
    assert candidates(("id", kind), ("at", TIME), key=key) == ()
