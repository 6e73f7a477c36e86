from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.connectors.sql.table_names import TableName, matching, nearest, quote, readings

TABLES = [TableName("public", "users"), TableName("sales", "orders"), TableName("sales", "users")]


@pytest.mark.parametrize(
    ("entity", "expected"),
    [
        ("users", [("public", "users")]),
        ("sales.orders", [("sales", "orders"), ("public", "sales.orders")]),
        ("a.b.c", [("a", "b.c"), ("public", "a.b.c")]),
        ('"Odd one"."a.b"', [("Odd one", "a.b")]),
        ('sales."a.b"', [("sales", "a.b")]),
        ('"a""b"', [("public", 'a"b')]),
        ('quote"', [("public", 'quote"')]),
        (".users", [("public", ".users")]),
        ("users.", [("public", "users.")]),
    ],
)
def test_a_name_is_read_as_a_person_means_it(entity: str, expected: list[tuple[str, str]]) -> None:
    assert readings(entity, "public") == [TableName(*one) for one in expected]


@given(st.text(min_size=1))
def test_every_name_has_a_reading(entity: str) -> None:
    assert readings(entity, "public")


@given(st.text(st.characters(exclude_characters="\0"), min_size=1))
def test_a_quoted_name_ends_where_it_ends(name: str) -> None:
    quoted = quote(name)
    assert quoted[0] == quoted[-1] == '"'
    assert '"' not in quoted[1:-1].replace('""', "")
    assert quoted[1:-1].replace('""', '"') == name


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_what_no_database_can_hold_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a name in a database"):
        quote(name)


def test_a_glob_without_a_dot_is_of_the_default_schema() -> None:
    assert matching(TABLES, "*", "public") == ["users"]
    assert matching(TABLES, "sales.*", "public") == ["sales.orders", "sales.users"]
    assert matching(TABLES, "*.users", "public") == ["sales.users", "users"]


def test_the_nearest_name_is_guessed_by_its_end_too() -> None:
    assert nearest("orders", ["sales.orders", "users"]) == "; did you mean 'sales.orders'?"
    assert nearest("zzz", ["users"]) == ""
