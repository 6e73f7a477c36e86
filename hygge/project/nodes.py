"""Nodes: parsed YAML values with their positions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

Scalar = None | bool | int | float | str
Plain = Any
Loc = Sequence[int | str]

_NOTHING: Mapping[str, Node] = MappingProxyType({})


class Span(NamedTuple):
    """A position: a file (posix, relative to the root) and a range of a line."""

    file: str
    line: int
    """From 1."""
    column: int
    """From 1, in characters."""
    end_column: int
    """One past the last character on this line."""


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a YAML file: a scalar, a tuple of nodes or a mapping of nodes."""

    value: Scalar | tuple[Node, ...] | dict[str, Node]
    span: Span
    key: Span | None = None
    """Position of the key, for a value in a mapping."""
    written: str | None = None
    """The text in the file, when the value came from a variable of this machine."""

    @property
    def entries(self) -> Mapping[str, Node]:
        """The values of a mapping by key; empty for anything else."""
        return self.value if isinstance(self.value, dict) else _NOTHING

    @property
    def items(self) -> tuple[Node, ...]:
        """The items of a list; empty for anything else."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def text(self) -> str | None:
        """The text of a scalar that is text, else None."""
        return self.value if isinstance(self.value, str) else None

    @property
    def anchor(self) -> Span:
        """The position to report for an error in this value.

        For an empty value and a block on later lines, the position of the key.
        """
        is_block = isinstance(self.value, dict | tuple) and self.span.end_column == 0
        if self.key and (self.span.column == self.span.end_column or is_block):
            return self.key
        return self.span


def plain(node: Node) -> Plain:
    """Return the value without positions: dict, list or scalar."""
    value = node.value
    if type(value) is dict:
        return {key: plain(child) for key, child in value.items()}
    if type(value) is tuple:
        return [plain(child) for child in value]
    return value


def scalars(node: Node) -> list[Scalar]:
    """Return the value of every scalar below `node`, unordered; faster than `walk`."""
    found: list[Any] = []
    left = [node]
    while left:
        value = left.pop().value
        if type(value) is dict:
            left += value.values()
        elif type(value) is tuple:
            left += value
        else:
            found.append(value)
    return found


def find(node: Node, loc: Loc) -> tuple[Node, list[int | str]]:
    """Follow `loc` as far as it exists; return the last node and the rest of `loc`."""
    for position, step in enumerate(loc):
        child = _child(node, step)
        if child is None:
            return node, list(loc[position:])
        node = child
    return node, []


def _child(node: Node, step: int | str) -> Node | None:
    if isinstance(step, int):
        return node.items[step] if 0 <= step < len(node.items) else None
    return node.entries.get(step)


def walk(node: Node) -> Iterator[tuple[tuple[int | str, ...], Node]]:
    """Yield every scalar below `node` with its path."""
    left: list[tuple[tuple[int | str, ...], Node]] = [((), node)]
    while left:
        path, one = left.pop()
        if isinstance(one.value, dict):
            left += [((*path, key), child) for key, child in reversed(one.value.items())]
        elif isinstance(one.value, tuple):
            left += [((*path, i), one.value[i]) for i in reversed(range(len(one.value)))]
        else:
            yield path, one


def merge(base: Node, overlay: Node) -> Node:
    """Merge `overlay` into `base`: mappings key by key; anything else is replaced.

    A mapping with another `type` replaces the whole mapping, because settings of one connector have
    no meaning for another.
    """
    if not isinstance(base.value, dict) or not isinstance(overlay.value, dict):
        return overlay
    other = overlay.value.get("type")
    if other is not None and "type" in base.value and other.value != base.value["type"].value:
        return overlay
    merged = dict(base.value)
    for key, child in overlay.value.items():
        merged[key] = merge(merged[key], child) if key in merged else child
    return replace(base, value=merged)
