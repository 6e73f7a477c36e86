"""JSON arrays and pretty-printed objects: all rows, exactly, or the place of what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygge.connector import HomeConfig, ProjectContext, ReadRequest
from hygge.connectors.files.text import json_documents
from hygge.connectors.files.text.blocks import Block
from hygge.errors import HomeError


def move(place: Path, content: bytes, batch_bytes: int = 2**20) -> list[dict[str, object]]:
    (place / "t.json").write_bytes(content)
    home = HomeConfig.create({"type": "jsonl", "path": "."}).home(ProjectContext(place))
    with home.open(ReadRequest("t", batch_bytes=batch_bytes)) as source:
        (split,) = source.splits(1)
        with source.read(split) as batches:
            rows: list[dict[str, object]] = batches.read_all().to_pylist()
    return rows


def refusal(place: Path, content: bytes) -> str:
    with pytest.raises(HomeError) as raised:
        move(place, content)
    return raised.value.message


ROWS: list[dict[str, object]] = [
    {"a": number, "b": f'x{number} "] é, {{\n', "c": [1, number]} for number in range(20_000)
]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("batch_bytes", [2**12, 2**20])
def test_an_array_is_its_objects(
    tmp_path: Path, indent: int | None, ascii_only: bool, batch_bytes: int
) -> None:
    text = json.dumps(ROWS, indent=indent, ensure_ascii=ascii_only)
    assert move(tmp_path, f"\n {text} \n".encode(), batch_bytes) == ROWS


@pytest.mark.parametrize("between", ["\n", "\r\n", "", "\n\n"])
def test_pretty_printed_objects_are_rows(tmp_path: Path, between: str) -> None:
    text = between.join(json.dumps(row, indent=2) for row in ROWS)
    assert move(tmp_path, text.encode()) == ROWS


def test_an_empty_array_beside_others_is_no_rows(tmp_path: Path) -> None:
    assert "no columns" in refusal(tmp_path, b" [ ]\n")


@pytest.mark.parametrize(
    ("content", "where", "what"),
    [
        (b'[{"a":1},\n{"a":2}', "t.json", "not closed"),
        (b'[{"a":1},\n{"a":2', "line 2", "invalid JSON"),
        (b'[{"a":1}\n{"a":2}]', "line 2, byte 9", "missing comma"),
        (b'[{"a":1},\n]', "line 2, byte 10", "invalid JSON"),
        (b'[{"a":1}] x', "line 1, byte 10", "invalid JSON"),
        (b'[{"a":1}]\n[{"a":2}]', "line 1, byte 8", "unexpected"),
        (b'[{"a":1},\n 7]', "line 2, byte 11", "not a JSON object"),
        (b'{\n "a": 1\n},\n{\n "a": 2\n}', "line 3, byte 11", "unexpected ','"),
        (b'{\n "a": 1\n}\n{\n "a": 2\n', "line 6", "invalid JSON"),
        (b'{\n "a": 1,\n "a": 2\n}\n', "line 1", "duplicate key"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(
    tmp_path: Path, content: bytes, where: str, what: str
) -> None:
    message = refusal(tmp_path, content)
    assert where in message
    assert what in message


def test_a_mistake_in_the_middle_of_a_long_file_is_found_without_reading_it_all(
    tmp_path: Path,
) -> None:
    rows = json.dumps(ROWS)[:-1]
    message = refusal(tmp_path, f"{rows}, {{'a': 1}}, {rows[1:]}]".encode())
    assert f"byte {len(rows) + 3}" in message


class Texts:
    path = "t"
    mark_bytes = 0

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, size: int) -> bytes:
        found, self.data = self.data[:size], self.data[size:]
        return found


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
objects = st.lists(st.dictionaries(st.text(max_size=3), values, max_size=3), min_size=1, max_size=5)


@settings(deadline=None)
@given(objects, st.sampled_from([None, 0, 2]), st.booleans(), st.integers(1, 40), st.booleans())
def test_lines_hold_the_objects_at_their_places(
    rows: list[dict[str, object]], indent: int | None, is_array: bool, size: int, is_plain: bool
) -> None:
    rows = [{"first": 1}, *rows]  # the form of a file is that of its first object
    texts = [json.dumps(row, indent=indent, ensure_ascii=is_plain) for row in rows]
    data = (f"[{','.join(texts)}]" if is_array else "\n".join(texts)).encode()
    documents = json_documents.JsonDocuments(Texts(data), size)  # type: ignore[arg-type]
    blocks: list[Block] = list(documents)
    lines = [line for block in blocks for line in block.data.split(b"\n") if line.strip()]
    assert [json.loads(line) for line in lines] == rows
    for block in blocks:
        assert data[block.byte :].startswith(block.text if block.text is not None else block.data)
