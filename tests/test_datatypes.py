from __future__ import annotations

import pytest

from hygge.types.type_names import check_type


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("double", "float64"),
        ("Integer", "int64"),
        ("date32[day]", "date"),
        ("timestamp[us]", "timestamp(us)"),
        ("timestamp[us, tz=Europe/Oslo]", "timestamp(us,Europe/Oslo)"),
        ("time64[us]", "time(us)"),
        ("decimal128(10, 2)", "decimal(10,2)"),
        ("list<element: int64>", "list(int64)"),
        ("varchar(20)", "string"),
        ("int65", "int64"),
        ("INT64", "int64"),
        ("int4", "int32"),
        ("smallint", "int16"),
        ("numeric(10, 2)", "decimal(10,2)"),
        ("NUMBER(10)", "decimal(10,0)"),
        ("numeric", "decimal(38,9)"),
        ("double precision", "float64"),
        ("nvarchar(max)", "string"),
        ("character varying(20)", "string"),
        ("datetime2", "timestamp"),
        ("timestamptz", "timestamp(us,UTC)"),
        ("timestamp with time zone", "timestamp(us,UTC)"),
        ("array<varchar(5)>", "list(string)"),
        ("timestmap", "timestamp"),
    ],
)
def test_a_type_by_another_name_is_answered_with_ours(written: str, meant: str) -> None:
    with pytest.raises(ValueError, match="no such type") as raised:
        check_type(written)
    assert f"no such type, write {meant}; types are bool" in str(raised.value)
    assert check_type(meant) == meant


def test_a_type_that_nobody_knows_is_answered_with_all() -> None:
    with pytest.raises(ValueError, match=r"^no such type; types are bool"):
        check_type("struct<a: int64, b: string>")
