"""Parsing of YAML to nodes with positions: strict, bounded, with all errors reported.

The parser's events are read one by one, so depth and size are limited while reading, also for
malicious files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml

from hygge.project import yaml_errors
from hygge.project.diagnostics import Diagnostic, diagnostic, is_sensitive
from hygge.project.nodes import Node, Span
from hygge.project.yaml_errors import MAX_DEPTH, too_deep
from hygge.project.yaml_scalars import resolve

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_Event = Any  # the parser's events have no common type with marks
MAX_BYTES = 1_000_000
MAX_NODES = 10_000

_ODD = re.compile("[^\t\n\r\x20-\x7e]")
"""Possibly unprintable characters; most files have none and skip the pattern below."""


@cache
def _unprintable() -> re.Pattern[str]:
    return re.compile(
        "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
    )


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed file; `node` is None when it cannot be parsed."""

    node: Node | None
    diagnostics: tuple[Diagnostic, ...] = ()
    text: str = ""


class _Refused(Exception):
    """Ends the parsing of a file."""

    def __init__(self, found: Diagnostic) -> None:
        super().__init__(found.message)
        self.found = found


def decode(data: bytes, file: str) -> Parsed:
    """Return the nodes of a file's bytes; an empty file is an empty mapping."""
    start = Span(file, 1, 1, 1)
    if len(data) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES:,} bytes"
        return Parsed(None, (diagnostic("HG006", message, start, "split it"),))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or (b"\0" in data[:4] and len(data) > 1):
        message = "the file is UTF-16 or UTF-32, not UTF-8"
        return Parsed(None, (diagnostic("HG003", message, start, "save it again as UTF-8"),))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        message = f"byte {data[error.start]:#04x} is not UTF-8 text"
        found = diagnostic("HG003", message, _end_of(before, file), _UTF8)
        return Parsed(None, (found,), data.decode("utf-8-sig", "replace"))
    if _ODD.search(text) and (wrong := _unprintable().search(text)):
        message = f"the character U+{ord(wrong[0]):04X} is not allowed in YAML"
        place = _end_of(text[: wrong.start()], file)
        escape = f"\\x{ord(wrong[0]):02x}" if ord(wrong[0]) < 256 else f"\\u{ord(wrong[0]):04x}"
        hint = f'remove it, or write it in double quotes with a backslash: "{escape}"'
        return Parsed(None, (diagnostic("HG003", message, place, hint),), text)
    return parse(text, file)


_UTF8 = "save the file again with the encoding UTF-8"


def _end_of(before: str, file: str) -> Span:
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    return Span(file, line, column, column + 1)


def parse(text: str, file: str) -> Parsed:
    """Return the nodes of YAML text."""
    builder = _Builder(file)
    try:
        loader = _Loader(text)
        try:
            for event in iter(loader.get_event, None):
                builder.add(event)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        return Parsed(None, (*builder.found, yaml_errors.explain(error, text, file)), text)
    except _Refused as refused:
        return Parsed(None, (*builder.found, refused.found), text)
    node = builder.root or Node({}, Span(file, 1, 1, 1))
    if node.value is None:
        node = Node({}, node.span)
    return Parsed(node, tuple(builder.found), text)


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is still open."""

    span: Span
    anchor: str | None
    entries: dict[str, Node] | None
    """The values of a mapping; None for a list."""
    items: list[Node] = field(default_factory=list)
    merged: list[Node] = field(default_factory=list)
    key: tuple[str, Span, bool] | None = None
    """A key without its value yet, and whether it is the merge key."""
    size: int = 1
    height: int = 1


@dataclass(frozen=True, slots=True)
class _Anchor:
    node: Node
    size: int
    height: int


class _Builder:
    """Builds nodes from events."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Diagnostic] = []
        self.root: Node | None = None
        self.stack: list[_Frame] = []
        self.anchors: dict[str, _Anchor | None] = {}
        self.total = 0
        self.documents = 0

    def add(self, event: yaml.Event) -> None:
        """Process the next event."""
        take = _TAKES.get(type(event))
        if take is not None:
            take(self, event)

    def _document(self, event: _Event) -> None:
        self.documents += 1
        if self.documents > 1:
            self._refuse(
                "HG008",
                "a second document begins here",
                event,
                "split it: one file for each home, store, flow or environment",
            )

    def _scalar(self, event: _Event) -> None:
        if event.tag is not None:
            self._refuse_tag(event)
        span = self._span(event)
        text = event.value
        frame = self.stack[-1] if self.stack else None
        if frame and frame.entries is not None and frame.key is None:
            self._key(frame, text, span, is_merge=text == "<<" and not event.style)
            return
        value = text if event.style else resolve(text)
        node = Node(value, span)
        if event.anchor:
            self.anchors[event.anchor] = _Anchor(node, 1, 0)
        self._attach(node, 1, 0)

    def _key(self, frame: _Frame, text: str, span: Span, *, is_merge: bool) -> None:
        if not text:
            self._refuse_at("HG010", "a key is missing before the colon", span, _PAIR)
        frame.key = (text, span, is_merge)

    def _open(self, event: _Event) -> None:
        if event.tag is not None:
            self._refuse_tag(event)
        frame = self.stack[-1] if self.stack else None
        if frame and frame.entries is not None and frame.key is None:
            self._refuse("HG010", "a list or mapping cannot be a key", event, _QUOTE_BRACES)
        if len(self.stack) >= MAX_DEPTH:
            raise _Refused(too_deep(self._span(event)))
        if event.anchor:
            self.anchors[event.anchor] = None
        entries: dict[str, Node] | None = {} if isinstance(event, yaml.MappingStartEvent) else None
        self.stack.append(_Frame(self._span(event), event.anchor, entries))

    def _close(self, event: _Event) -> None:
        frame = self.stack.pop()
        end = event.end_mark
        is_one_line = end.line + 1 == frame.span.line
        span = frame.span._replace(end_column=end.column + 1 if is_one_line else 0)
        if frame.entries is None:
            node = Node(tuple(frame.items), span)
        else:
            for other in frame.merged:
                for key, child in other.entries.items():
                    frame.entries.setdefault(key, child)
            node = Node(frame.entries, span)
        if frame.anchor:
            self.anchors[frame.anchor] = _Anchor(node, frame.size, frame.height)
        self._attach(node, frame.size, frame.height)

    def _alias(self, event: _Event) -> None:
        if event.anchor not in self.anchors:
            name = "…" if self._is_secret() else event.anchor
            message = f"'*{name}' is used, but '&{name}' is not defined before it"
            quote = f'if it is not an alias, quote it: "*{name}"'
            self._refuse("HG009", message, event, quote)
        anchor = self.anchors[event.anchor]
        if anchor is None:
            message = f"'*{event.anchor}' is inside the value that it repeats"
            self._refuse("HG009", message, event, "write the value itself")
            return
        frame = self.stack[-1] if self.stack else None
        if frame and frame.entries is not None and frame.key is None:
            self._refuse("HG010", "an alias cannot be a key", event, _PAIR)
        if len(self.stack) + anchor.height > MAX_DEPTH:
            raise _Refused(too_deep(self._span(event)))
        self._attach(anchor.node, anchor.size, anchor.height, event)

    def _attach(self, node: Node, size: int, height: int, alias: _Event = None) -> None:
        """Attach a complete value to its parent; count it, and an alias in full."""
        self.total += size if alias else 1
        if self.total > MAX_NODES:
            span = self._span(alias) if alias else node.span
            message = f"more than {MAX_NODES:,} values"
            self._refuse_at("HG006", message, span, "split the file, or use a glob for entities")
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        frame.size += size
        frame.height = max(frame.height, height + 1)
        if frame.entries is None:
            frame.items.append(node)
        elif frame.key is not None:
            self._enter(frame, frame.entries, node)

    def _enter(self, frame: _Frame, entries: dict[str, Node], node: Node) -> None:
        assert frame.key is not None
        key, span, is_merge = frame.key
        frame.key = None
        if is_merge:
            frame.merged.extend(self._mappings(node))
        elif key in entries:
            first = entries[key].key
            line = first.line if first else span.line
            message = f"duplicate key '{key}'; it is already in line {line}"
            self.found.append(diagnostic("HG005", message, span, "remove one of the two"))
        else:
            entries[key] = Node(node.value, node.span, span)

    def _mappings(self, node: Node) -> tuple[Node, ...]:
        parts = node.items if isinstance(node.value, tuple) else (node,)
        for part in parts:
            if not isinstance(part.value, dict):
                message = "'<<' needs a mapping, such as '<<: *name'"
                hint = "mark a mapping above with &name"
                self._refuse_at("HG009", message, part.span, hint)
        return parts

    def _refuse_tag(self, event: _Event) -> None:
        tag = "!…" if self._is_secret() else event.tag.replace("tag:yaml.org,2002:", "!!")
        hint = "remove it; to keep a number as text, write it in quotes"
        self._refuse("HG007", f"the tag '{tag}' is not allowed", event, hint)

    def _is_secret(self) -> bool:
        """Whether the next value belongs to a secret-like key."""
        return any(frame.key is not None and is_sensitive(frame.key[0]) for frame in self.stack)

    def _span(self, event: _Event) -> Span:
        start, end = event.start_mark, event.end_mark
        end_column = end.column + 1 if end.line == start.line else 0
        return Span(self.file, start.line + 1, start.column + 1, end_column)

    def _refuse(self, code: str, message: str, event: _Event, *help: str) -> None:
        self._refuse_at(code, message, self._span(event), *help)

    def _refuse_at(self, code: str, message: str, span: Span, *help: str) -> None:
        raise _Refused(diagnostic(code, message, span, *help))


_TAKES: Mapping[type, Callable[[_Builder, _Event], None]] = {
    yaml.ScalarEvent: _Builder._scalar,
    yaml.SequenceStartEvent: _Builder._open,
    yaml.MappingStartEvent: _Builder._open,
    yaml.SequenceEndEvent: _Builder._close,
    yaml.MappingEndEvent: _Builder._close,
    yaml.AliasEvent: _Builder._alias,
    yaml.DocumentStartEvent: _Builder._document,
}
"""Handlers of events; other events are ignored."""

_PAIR = "write key: value"
_QUOTE_BRACES = 'quote a value that begins with { or [: "{entity}.csv"'
