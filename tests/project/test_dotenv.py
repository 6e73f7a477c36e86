from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hygge.project.dotenv import parse


def test_every_form_of_a_line_is_read() -> None:
    text = (
        "# comment\n"
        "\n"
        "A=plain\n"
        "export B = with blanks   # comment\n"
        "C='single $X #\"'\n"
        'D="double \\"q\\" \\n \\\\ \\$ #"  # comment\n'
        "E=\n"
        "F=a#b$c${D}\n"
        'G="two\nlines"\n'
        "A=again"
    )
    values, found = parse(text, ".env")
    assert found == []
    assert values == {
        "A": "again",
        "B": "with blanks",
        "C": 'single $X #"',
        "D": 'double "q" \n \\ $ #',
        "E": "",
        "F": "a#b$c${D}",
        "G": "two\nlines",
    }


def test_a_wrong_line_is_told_without_its_value_and_the_others_count() -> None:
    values, found = parse('A=1\nsecret stuff\n1B=x\nC=\'open secret\nD=2\nE="a" b\n', ".env")
    assert values == {"A": "1", "D": "2"}
    assert [(d.code, d.line, d.column) for d in found] == [
        ("HG302", 2, 1),
        ("HG302", 3, 1),
        ("HG302", 4, 1),
        ("HG302", 6, 1),
    ]
    assert not any("secret" in d.message for d in found)


@given(st.text(max_size=100))
def test_any_text_is_read_to_its_end(text: str) -> None:
    values, found = parse(text, ".env")
    assert all(name.isidentifier() for name in values)
    assert all(d.line >= 1 and d.column >= 1 for d in found)


@given(st.text(st.characters(exclude_characters="'", codec="utf-8"), max_size=50))
def test_a_value_in_single_quotes_is_itself(text: str) -> None:
    assert parse(f"A='{text}'", ".env") == ({"A": text}, [])
