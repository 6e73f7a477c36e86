"""Valid projects, and the ways to break one of their files that know what they break and where.

A file is kept as lines, so that a mutation can tell line and column of what it did without asking
the parser it is there to test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hypothesis import strategies as st


@dataclass(frozen=True)
class Line:
    """`key: value` at some depth, or an item of a list."""

    indent: int
    key: str
    value: str = ""
    item: bool = False
    """Whether `- ` stands before the key."""

    def __str__(self) -> str:
        dash = "- " if self.item else ""
        return f"{' ' * self.indent}{dash}{self.key}:{' ' + self.value if self.value else ''}"

    @property
    def key_column(self) -> int:
        """Where the key begins, from 1."""
        return self.indent + (2 if self.item else 0) + 1

    @property
    def value_column(self) -> int:
        """Where the value begins, from 1."""
        return self.key_column + len(self.key) + 2


@dataclass(frozen=True)
class Broken:
    """A file with one mistake, and what has to be said of it."""

    file: str
    text: str
    codes: frozenset[str]
    lines: frozenset[int]
    """Where it may be told, from 1."""
    columns: frozenset[int] = frozenset()
    """Where in the line; empty where the parser of YAML decides."""
    names: str = ""
    """A word that the message has to hold."""


TYPED = {
    "retries": ("3", "often"),
    "mode": ("append", "replce"),
    "on_empty": ("keep", "kepe"),
    "parallel": ("2", "many"),
    "timeout": ("30m", "soon"),
    "max_shrink": ("50%", "half"),
    "enabled": ("true", "perhaps"),
    "column_casing": ("snake", "snaek"),
}
"""Keys of a flow, each with a value that is right and one that is wrong."""
SHAPED = {"select": "[id, email]", "tags": "[daily]", "exclude": '["tmp_*"]', "primary_key": "[id]"}
"""Keys of a flow whose values are lists of names."""
REQUIRED = {"homes/files.yml": {"type": "HG103", "path": "HG105"}}
REQUIRED["stores/lake.yml"] = REQUIRED["homes/files.yml"]


@st.composite
def flows(draw: st.DrawFn) -> list[Line]:
    """Draw the lines of a flow that is right."""
    typed = draw(st.lists(st.sampled_from(sorted(TYPED)), unique=True, max_size=5))
    shaped = draw(st.lists(st.sampled_from(sorted(SHAPED)), unique=True, max_size=3))
    lines = [Line(0, "home", "files"), Line(0, "store", "lake")]
    lines += [Line(0, key, TYPED[key][0]) for key in typed]
    lines += [Line(0, key, SHAPED[key]) for key in shaped]
    lines = draw(st.permutations(lines))
    if draw(st.booleans()):
        lines += [Line(0, "columns"), Line(2, "amount"), Line(4, "type", "int64")]
        lines += [Line(4, "rename", "amt")]
    if draw(st.booleans()):
        lines += [Line(0, "entities"), Line(2, "name", "users", item=True)]
        lines += [Line(4, "into", "people"), Line(2, "name", "orders", item=True)]
        lines += [Line(4, "mode", "append")]
    return lines


@st.composite
def projects(draw: st.DrawFn) -> dict[str, list[Line]]:
    """Draw a project that is right."""
    home = [Line(0, "type", "testbin"), Line(0, "path", "data/in")]
    home += draw(st.sampled_from([[], [Line(0, "depth", "2")], [Line(0, "strict", "true")]]))
    store = [Line(0, "type", "testbin"), Line(0, "path", "data/lake")]
    return {
        "homes/files.yml": draw(st.permutations(home)),
        "stores/lake.yml": draw(st.permutations(store)),
        "flows/users.yml": draw(flows()),
    }


def text_of(lines: list[Line]) -> str:
    """Return lines as a file."""
    return "".join(f"{line}\n" for line in lines)


def with_line(lines: list[Line], number: int, text: str) -> str:
    """Return the file with one of its lines written differently."""
    return "".join(f"{text if n == number else line}\n" for n, line in enumerate(lines))


Mutation = Callable[[str, list[Line]], Iterator[Broken]]


def dropped(file: str, lines: list[Line]) -> Iterator[Broken]:
    """Leave out a key that is needed."""
    for number, line in enumerate(lines):
        code = REQUIRED.get(file, {}).get(line.key)
        if code and line.indent == 0:
            rest = [one for one in lines if one is not line]
            text = text_of(rest)
            yield Broken(file, text, frozenset({code}), frozenset({1}), frozenset({1}), line.key)
        if line.item and line.key == "name" and number + 1 < len(lines):
            after = lines[number + 1]
            changed = [*lines[:number], Line(2, after.key, after.value, item=True)]
            text = text_of([*changed, *lines[number + 2 :]])
            codes, at = frozenset({"HG105"}), frozenset({number + 1})
            yield Broken(file, text, codes, at, frozenset({5}), "name")


def misspelt(file: str, lines: list[Line]) -> Iterator[Broken]:
    """Swap two letters of a key, or add one."""
    for number, line in enumerate(lines):
        if line.key == "amount":
            continue
        for wrong in (line.key + "x", line.key[1] + line.key[0] + line.key[2:]):
            changed = Line(line.indent, wrong, line.value, line.item)
            text = with_line(lines, number, str(changed))
            places = frozenset({number + 1}), frozenset({line.key_column})
            yield Broken(file, text, frozenset({"HG102"}), *places, wrong)


def retyped(file: str, lines: list[Line]) -> Iterator[Broken]:
    """Give a key a value of another kind, or a word that means nothing."""
    for number, line in enumerate(lines):
        wrongs = []
        if line.key in TYPED and line.value == TYPED[line.key][0]:
            wrongs = [TYPED[line.key][1], "{a: b}", "[1, 2]"]
        elif line.key in SHAPED:
            wrongs = ["{a: b}", "7", "true"]
        elif line.key == "type" and file.startswith("flows/"):
            wrongs = ["int65", "[int64]"]
        elif line.key in ("path", "rename"):
            wrongs = ["5", "true", "[a]", "{a: b}"]
        elif line.key in ("depth", "strict"):
            wrongs = ["perhaps", "[1]"]
        for wrong in wrongs:
            changed = Line(line.indent, line.key, wrong, line.item)
            text = with_line(lines, number, str(changed))
            places = frozenset({number + 1}), frozenset({line.value_column})
            yield Broken(file, text, frozenset({"HG106"}), *places, line.key)


def renamed(file: str, lines: list[Line]) -> Iterator[Broken]:
    """Name a home, a store or a type that is not there."""
    codes = {"home": "HG202", "store": "HG203", "type": "HG104"}
    for number, line in enumerate(lines):
        code = codes.get(line.key)
        if code and line.indent == 0:
            text = with_line(lines, number, f"{line.key}: {line.value}x")
            places = frozenset({number + 1}), frozenset({line.value_column})
            yield Broken(file, text, frozenset({code}), *places, f"{line.value}x")


def repeated(file: str, lines: list[Line]) -> Iterator[Broken]:
    """Write a key twice."""
    for number, line in enumerate(lines):
        if line.value and not line.item:
            text = text_of([*lines[: number + 1], line, *lines[number + 1 :]])
            places = frozenset({number + 2}), frozenset({line.key_column})
            yield Broken(file, text, frozenset({"HG005"}), *places, line.key)


def unspaced(file: str, lines: list[Line]) -> Iterator[Broken]:
    """Forget the space after a colon; what that line is then depends on its neighbours."""
    for number, line in enumerate(lines):
        if line.value and re.match(r"[a-z]", line.value) and not line.item and len(lines) > 1:
            text = with_line(lines, number, f"{' ' * line.indent}{line.key}:{line.value}")
            yield Broken(file, text, frozenset({"HG001"}), frozenset({number + 1}))


def indented(file: str, lines: list[Line]) -> Iterator[Broken]:
    """Move a line to the right, or indent it with a tab."""
    for number, line in enumerate(lines):
        if number and line.indent == 0 and lines[number - 1].indent == 0:
            yield Broken(
                file,
                with_line(lines, number, f"   {line}"),
                frozenset({"HG001"}),
                frozenset({number, number + 1}),
            )
        if line.indent:
            text = with_line(lines, number, f"\t{str(line).lstrip()}")
            yield Broken(file, text, frozenset({"HG004"}), frozenset({number + 1}))


def unclosed(file: str, lines: list[Line]) -> Iterator[Broken]:
    """Open a quote or a bracket and never close it."""
    for number, line in enumerate(lines):
        if line.value and not line.value.startswith(("[", '"')):
            for opening in ("'", '"', "["):
                written = str(Line(line.indent, line.key, opening + line.value, line.item))
                text = with_line(lines, number, written)
                at = frozenset({number + 1} if opening != "[" else {number + 1, number + 2})
                yield Broken(file, text, frozenset({"HG001"}), at)


def emptied(file: str, lines: list[Line]) -> Iterator[Broken]:
    """Take away a value that cannot be left out."""
    for number, line in enumerate(lines):
        if line.key in ("path", "mode", "retries", "enabled", "parallel", "on_empty"):
            text = with_line(lines, number, str(Line(line.indent, line.key, "", line.item)))
            places = frozenset({number + 1}), frozenset({line.key_column})
            yield Broken(file, text, frozenset({"HG106"}), *places, line.key)


MUTATIONS: tuple[Mutation, ...] = (
    dropped,
    misspelt,
    retyped,
    renamed,
    repeated,
    unspaced,
    indented,
    unclosed,
    emptied,
)
