from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.console.text import clean, clean_lines, duration, fold, size


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (3427, "3.4 KB"),
        (72_000, "72 KB"),
        (999_499, "999 KB"),
        (999_500, "1.0 MB"),
        (355_000_000, "355 MB"),
        (1_400_000_000, "1.4 GB"),
        (5 * 10**18, "5000 PB"),
    ],
)
def test_a_size_has_the_unit_that_leaves_few_digits(number: int, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.06, "0.1 s"),
        (59.94, "59.9 s"),
        (59.96, "1m 00s"),
        (62, "1m 02s"),
        (3599.6, "1h 00m"),
        (11_100, "3h 05m"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@given(st.text())
def test_clean_text_moves_no_cursor_and_stays_on_its_line(text: str) -> None:
    cleaned = clean(text)
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in cleaned)
    assert not set(cleaned) & set("\u202a\u202e\u2066\u2069\u200f")


def test_an_escape_sequence_is_shown_as_text() -> None:
    assert clean("a\x1b]0;owned\x07\nb\u202e") == r"a\x1b]0;owned\x07\nb\u202e"


def test_later_lines_of_a_message_are_indented() -> None:
    assert clean_lines("one\ntwo\x1b[31m\n") == "one\n  two\\x1b[31m"


@given(st.text(), st.sampled_from(["ascii", "cp1252", "latin-1", "utf-8"]))
def test_folded_text_can_be_encoded(text: str, encoding: str) -> None:
    fold(text, encoding).encode(encoding)


def test_typographic_signs_become_ascii_where_they_must() -> None:
    assert fold("1 · 2 – 3 … é", "ascii") == "1 - 2 - 3 ... \\xe9"
    assert fold("1 · 2 – 3 … é", "cp1252") == "1 · 2 – 3 … é"
