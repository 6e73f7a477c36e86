"""Names for new things."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.errors import UsageError
from hygge.scaffold.name_check import check_name, lawful_name


@pytest.mark.parametrize("name", ["users", "a", "app_db2", "x" * 63])
def test_plain_names_pass(name: str) -> None:
    assert check_name("home", name) == name


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("My-Project", "my_project"),
        ("AppDb", "app_db"),
        ("Größe", "gro_e"),
        ("no", "no_data"),
        ("con", "con_data"),
        ("../up", "up"),
        ("", "data"),
    ],
)
def test_other_names_are_refused_with_one_that_would_do(name: str, better: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_name("home", name)
    hint = refused.value.hint
    assert hint is not None
    suggested = hint.rpartition(" ")[2]
    assert check_name("home", suggested) == suggested
    if name != "Größe":
        assert suggested == better


@given(st.text())
def test_every_text_has_a_lawful_name(text: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,62}", lawful_name(text))
    assert check_name("flow", lawful_name(text))
