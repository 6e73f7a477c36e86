from __future__ import annotations

import json
import math
import resource

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pace import beside

from hygge.project.nodes import find, plain
from hygge.project.yaml_parser import MAX_BYTES, decode, parse


def told(text: str | bytes) -> list[tuple[str, int, int]]:
    parsed = decode(text, "f.yml") if isinstance(text, bytes) else parse(text, "f.yml")
    return [(d.code, d.line, d.column) for d in parsed.diagnostics]


def read(text: str) -> object:
    parsed = parse(text, "f.yml")
    assert parsed.diagnostics == ()
    assert parsed.node is not None
    return plain(parsed.node)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("Off", "Off"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("2024-01-31", "2024-01-31"),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("~", None),
        ("null", None),
        ("017", 17),
        ("0o17", 15),
        ("0xff", 255),
        ("0b11", "0b11"),
        ("-12", -12),
        ("+3", 3),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-.inf", -math.inf),
        ("1e", "1e"),
        ("'017'", "017"),
        ('"true"', "true"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    read_back = read(f"a: {text}")
    assert read_back == {"a": value}
    assert isinstance(read_back, dict)
    assert type(read_back["a"]) is type(value)


def test_keys_are_the_text_that_was_written() -> None:
    assert read("no: 1\n017: 2\n'<<': 3\nnull: 4\n") == {"no": 1, "017": 2, "<<": 3, "null": 4}


def test_an_empty_file_is_an_empty_mapping() -> None:
    for text in ("", "# nothing\n", "---\n", "\ufeff"):
        parsed = decode(text.encode(), "f.yml")
        assert parsed.diagnostics == ()
        assert parsed.node is not None
        assert plain(parsed.node) == {}


def test_a_byte_order_mark_is_tolerated_and_columns_stay_right() -> None:
    parsed = decode("\ufeffa: 😀 b\nc: {d: é, e: 1}\n".encode(), "f.yml")
    assert parsed.node is not None
    node, rest = find(parsed.node, ("c", "e"))
    assert rest == []
    assert node.key is not None
    assert (node.key.line, node.key.column, node.key.end_column) == (2, 11, 12)
    assert (node.span.line, node.span.column, node.span.end_column) == (2, 14, 15)
    assert find(parsed.node, ("a",))[0].span.end_column == 7


def test_merge_keys_fill_what_is_not_written() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  <<: [*a, *b]\n  x: 9\n"
    assert read(text) == {
        "a": {"x": 1, "y": 2},
        "b": {"y": 3, "z": 4},
        "c": {"x": 9, "y": 2, "z": 4},
    }


BROKEN = [
    ("home:sample\nstore: lake\n", "HG001", 1, 5, "space is missing"),
    ("store: lake\nhome:sample\n", "HG001", 2, 5, "space is missing"),
    ("a: b: c\n", "HG001", 1, 5, "second ': '"),
    ("a: 1\n b: 2\n", "HG001", 2, 1, "indented"),
    ("  a: 1\nb: 2\n", "HG001", 2, 1, "indented less"),
    ("a: 1\nb\nc: 2\n", "HG001", 2, 1, "colon is missing"),
    ("a\nb: 1\n", "HG001", 1, 1, "neither a key"),
    ("a:\n\tb: c\n", "HG004", 2, 1, "tab"),
    ("a:\n  - x\n  y: 1\n", "HG001", 3, 3, "part of a list"),
    ("a: [1, 2\nb: c\n", "HG001", 1, 4, "']' is missing"),
    ("a: {b: 1\nc: 2\n", "HG001", 1, 4, "'}' is missing"),
    ("x: {path: ${A:-b}}\n", "HG001", 1, 11, "needs quotes"),
    ("a: 'x\nb: c\n", "HG001", 1, 4, "not closed"),
    ("a: 'it's'\n", "HG001", 1, 8, "text after the end"),
    ('a: "\\q"\n', "HG001", 1, 5, "is not an escape sequence"),
    ("a: @x\n", "HG001", 1, 4, "cannot begin with '@'"),
    ("q: > 1\n", "HG001", 1, 4, "text block"),
    ("entities: [*]\n", "HG009", 1, 12, "needs quotes"),
    ("a: *.csv\n", "HG009", 1, 4, "needs quotes"),
    ("a: *x\n", "HG009", 1, 4, "is not defined before it"),
    ("a: &x [*x]\n", "HG009", 1, 8, "is inside the value"),
    ("a: 1\nb: 2\na: 3\n", "HG005", 3, 1, "already in line 1"),
    ("a: 1\n---\nb: 2\n", "HG008", 2, 1, "second document"),
    ("a: !!python/object/apply:os.system [id]\n", "HG007", 1, 4, "!!python"),
    ("a: !secret b\n", "HG007", 1, 4, "'!secret'"),
    ("? [a]\n: b\n", "HG010", 1, 3, "cannot be a key"),
    ("'': b\n", "HG010", 1, 1, "key is missing"),
    (": b\n", "HG001", 1, 1, "key is missing"),
    ("- a\n-b\n", "HG001", 2, 1, "after the dash"),
    ('a: "\\ud800"', "HG001", 1, 7, "not a valid character"),
    ("]\n", "HG001", 1, 1, "invalid YAML"),
]


@pytest.mark.parametrize(("text", "code", "line", "column", "words"), BROKEN)
def test_what_breaks_yaml_is_told_with_its_cause(
    text: str, code: str, line: int, column: int, words: str
) -> None:
    (found,) = parse(text, "f.yml").diagnostics
    assert (found.code, found.line, found.column) == (code, line, column)
    assert words in found.message


def test_every_duplicate_key_is_told() -> None:
    assert told("a: 1\na: 2\nb: {c: 1, c: 2}\n") == [("HG005", 2, 1), ("HG005", 3, 11)]


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        ("a: é".encode("utf-16"), 1, 1),
        ("a: é".encode("utf-16-le"), 1, 1),
        ("a: é".encode("utf-32"), 1, 1),
        (b"a: 1\nb: caf\xe9\n", 2, 7),
        (b"a: 1\nbc\x00d: 2\n", 2, 3),
        (b"a: \x07\n", 1, 4),
    ],
)
def test_what_is_no_utf_8_text_is_told_with_its_place(data: bytes, line: int, column: int) -> None:
    assert told(data) == [("HG003", line, column)]


def bombs() -> list[str]:
    laughs = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    laughs += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    merges = ["a0: &a0 {k: v}"]
    merges += [f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 20)]
    chain = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 60))]
    return [
        "\n".join(laughs),
        "\n".join(merges),
        "\n".join(chain),
        "a: " + "[" * 100_000,
        "a: " + "{a: " * 100_000,
        "- " * 100_000,
        "[" + "1," * 400_000 + "]",
        "a: " + "x" * MAX_BYTES,
    ]


@pytest.mark.parametrize("text", bombs(), ids=lambda text: text[:12])
def test_a_file_built_to_exhaust_the_machine_is_refused_at_once(text: str) -> None:
    with beside() as controls:
        before = resource.getrusage(resource.RUSAGE_SELF)
        assert [code for code, _, _ in told(text.encode())] == ["HG006"]
        after = resource.getrusage(resource.RUSAGE_SELF)
    assert controls.of(after.ru_utime - before.ru_utime) < 25
    assert after.ru_maxrss - before.ru_maxrss < 200_000


def test_a_secret_is_not_repeated_in_a_message() -> None:
    for text in ("password: *hunter2\n", "password: !hunter2\n", "x: 1\npassword:hunter2\n"):
        (found,) = parse(text, "f.yml").diagnostics
        assert "hunter2" not in " ".join([found.message, *found.help])


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace")))
def test_any_bytes_give_a_node_or_a_place(data: bytes) -> None:
    parsed = decode(data, "f.yml")
    assert parsed.node is not None or parsed.diagnostics
    lines = sum(map(data.count, (b"\n", b"\r", b"\x85", b"\xe2"))) + 2
    for found in parsed.diagnostics:
        assert found.file == "f.yml"
        assert 1 <= found.line <= lines
        assert 1 <= found.column < found.end_column


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(codec="ascii", categories=["L"]), min_size=1), inner
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "home", "x"]), VALUES))
def test_what_another_writer_writes_as_json_is_read_exactly(value: dict[str, object]) -> None:
    assert read(json.dumps(value)) == value


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=30))
def test_text_written_by_the_yaml_library_is_read_exactly(text: str) -> None:
    written = yaml.safe_dump({"a": text}, allow_unicode=True, default_style='"')
    parsed = decode(written.encode(), "f.yml")
    assert parsed.node is not None
    assert plain(parsed.node) == {"a": text}
