"""Values written as YAML read back as themselves, by hygge's reader and by an older one."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hygge.project.nodes import plain
from hygge.project.yaml_parser import parse
from hygge.scaffold.quoting import quoted

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(10**18), max_value=10**18),
    st.text(),
    st.text(alphabet="0123456789_.:eExXoO+-~!&*#%@`{}[],'\"\\|>?=<$ \n\t\x07\x85\u2028ab"),
)
VALUES = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=4), st.dictionaries(st.text(min_size=1), SCALARS)
)


def read(text: str) -> object:
    parsed = parse(text, "x.yml")
    assert parsed.diagnostics == ()
    assert parsed.node is not None
    return plain(parsed.node)


@given(VALUES)
def test_a_value_reads_back_as_itself(value: object) -> None:
    text = f"key: {quoted(value)}\n"
    assert read(text) == {"key": value}


@given(SCALARS)
def test_an_older_reader_of_yaml_agrees(value: object) -> None:
    assert yaml.safe_load(f"key: {quoted(value)}\n") == {"key": value}


@pytest.mark.parametrize(
    "text", ["no", "NO", "on", "~", "null", "123", "1e5", "0o17", "12:30", ".5", "-", "a: b", "#x"]
)
def test_text_that_looks_like_something_else_is_quoted(text: str) -> None:
    assert quoted(text).startswith('"')


@pytest.mark.parametrize(
    "text", ["data/in", "${PORT}", "${LAKE:-data/lake}", "s3://bucket/x", "user@host", "a-b"]
)
def test_plain_text_stays_plain(text: str) -> None:
    assert quoted(text) == text


def test_floats_keep_their_value() -> None:
    assert read(f"key: {quoted(0.1)}") == {"key": 0.1}
    assert math.isclose(yaml.safe_load(quoted(2.5)), 2.5)


def test_what_yaml_has_no_word_for_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        quoted(object())
