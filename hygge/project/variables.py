"""Variables in values, `${NAME}`: their sources and their replacement.

Values are replaced after parsing and never expanded again, so a password may contain `$`, `#` and
`:`.
"""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hygge.project.diagnostics import Diagnostic, diagnostic
from hygge.project.nodes import Node, Span, scalars
from hygge.values.redact import is_secret_name, learn

FORBIDDEN = frozenset({"type", "home", "store", "after"})
"""Keys that define the project's structure and must not contain variables."""

_INNER = frozenset({"type"})
_PATTERN = re.compile(r"\$\$\{|\$\{(?P<body>[^{}]*)\}|\$\{")
_BODY = re.compile(
    r"file:(?P<path>.+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<operator>:-|:\?)(?P<after>.*))?",
    re.DOTALL,
)
_OPEN, _CLOSE = "⦃hygge:", "⦄"
_MARKER = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")
_FILE_LIMIT = 1_000_000
_MOST = 1000
"""Maximum variables in one value."""


def marker(name: str) -> str:
    """Return the placeholder of an unknown value."""
    return f"{_OPEN}{name}{_CLOSE}"


def is_marked(value: object) -> bool:
    """Return whether a value contains a placeholder."""
    if isinstance(value, str):
        return _OPEN in value
    if isinstance(value, Mapping):
        return any(is_marked(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(is_marked(item) for item in value)
    return False


def unmarked(text: str) -> str:
    """Return `text` with every placeholder replaced by its variable."""
    return _MARKER.sub(lambda match: "${" + match[1] + "}", text)


def mentions(text: str) -> bool:
    """Return whether `text` contains a variable."""
    return any(match[0] != "$${" for match in _PATTERN.finditer(text))


def named_in(text: str) -> list[str]:
    """Return the names of the variables in `text`, in order."""
    bodies = (_BODY.fullmatch(match["body"] or "") for match in _PATTERN.finditer(text))
    return [body["name"] for body in bodies if body and body["name"]]


@dataclass(frozen=True, slots=True)
class Layer:
    """The variables of one source."""

    origin: str
    """`environment`, or the env file's name."""
    values: Mapping[str, str]


@dataclass(slots=True)
class Variables:
    """Looks up variables layer by layer, and collects invalid and missing ones.

    Without layers only defaults are known, as in the check of a project.
    """

    root: Path
    layers: tuple[Layer, ...] = ()
    reads_files: bool = False
    found: list[Diagnostic] = field(default_factory=list)
    """Diagnostics of invalid expressions."""
    missing: list[Diagnostic] = field(default_factory=list)
    """Diagnostics of missing variables and files."""

    @classmethod
    def of(cls, root: Path, files: tuple[Layer, ...]) -> Variables:
        """Return the variables of this process, which override those of env files."""
        return cls(root, (Layer("environment", dict(os.environ)), *files), reads_files=True)

    def lookup(self, name: str) -> str | None:
        """Return the value of a variable from the first layer that has it."""
        for layer in self.layers:
            if name in layer.values:
                if is_secret_name(name):
                    learn(layer.values[name])
                return layer.values[name]
        return None

    def origin(self, name: str) -> str | None:
        """Return the source of a variable."""
        return next((layer.origin for layer in self.layers if name in layer.values), None)

    def fill(self, node: Node, *, forbidden: frozenset[str] = FORBIDDEN) -> Node:
        """Return `node` with every variable replaced, or by a placeholder where unknown."""
        is_plain = "${" not in "\n".join(map(str, scalars(node)))
        return node if is_plain else self._filled(node, forbidden)

    def _filled(self, node: Node, forbidden: frozenset[str]) -> Node:
        if isinstance(node.value, str):
            return self._text(node, node.value) if "${" in node.value else node
        if isinstance(node.value, tuple):
            items = tuple(self._filled(item, forbidden) for item in node.value)
            is_same = all(map(operator.is_, items, node.value))
            return node if is_same else replace(node, value=items)
        if isinstance(node.value, dict):
            return self._mapping(node, node.value, forbidden)
        return node

    def _mapping(self, node: Node, entries: Mapping[str, Node], forbidden: frozenset[str]) -> Node:
        filled = {}
        for key, child in entries.items():
            if key in forbidden and self._refuse(key, child):
                filled[key] = replace(child, value=marker(key))
            else:
                filled[key] = self._filled(child, _INNER)
        is_same = all(filled[key] is child for key, child in entries.items())
        return node if is_same else replace(node, value=filled)

    def _refuse(self, key: str, child: Node) -> bool:
        """Reject variables in a key that contains names: a text or a list of texts."""
        wrong = [n for n in (child, *child.items) if n.text is not None and mentions(n.text)]
        for node in wrong:
            hint = "write the name itself; put what differs between machines into environments/"
            message = f"'{key}' cannot be a variable"
            self.found.append(diagnostic("HG108", message, node.span, hint))
        return bool(wrong)

    def _text(self, node: Node, text: str) -> Node:
        parts: list[str] = []
        end = 0
        for number, match in enumerate(_PATTERN.finditer(text)):
            if number == _MOST:
                message = f"more than {_MOST:,} variables in one value"
                self.found.append(diagnostic("HG006", message, node.span, "split the value"))
                break
            parts += [text[end : match.start()], self._value(match, node.span)]
            end = match.end()
        filled = "".join([*parts, text[end:]])
        return replace(node, value=filled, written=text if self._is_from_outside(text) else None)

    def _is_from_outside(self, text: str) -> bool:
        """Return whether a value comes from this machine and must not be shown."""
        return self.reads_files and (
            "${file:" in text or any(self.lookup(name) for name in named_in(text))
        )

    def _value(self, match: re.Match[str], span: Span) -> str:
        if match[0] == "$${":
            return "${"
        body = _BODY.fullmatch(match["body"] or "")
        if body is None:
            self._wrong(match, span)
            return marker(match["body"] or "")
        if body["path"]:
            return self._file(body["path"], span)
        return self._variable(body, span)

    def _variable(self, body: re.Match[str], span: Span) -> str:
        name, operator, after = body["name"], body["operator"], body["after"]
        value = self.lookup(name)
        if operator == ":-":
            return value or after
        if value is not None and (value or operator is None):
            return value
        reason = f": {after}" if operator == ":?" and after else ""
        state = "is empty" if value == "" else "is not set"
        message = f"variable {name} {state}{reason}"
        hint = f"export {name}=…, or write {name}=… into .env"
        self.missing.append(diagnostic("HG301", message, span, hint))
        return marker(name)

    def _file(self, path: str, span: Span) -> str:
        if not self.reads_files:
            return marker(f"file:{path}")
        try:
            with Path(self.root, Path(path).expanduser()).open("rb") as file:
                content = file.read(_FILE_LIMIT + 1)
            if len(content) > _FILE_LIMIT:
                raise ValueError(f"more than {_FILE_LIMIT:,} bytes")
            text = content.decode().removesuffix("\n").removesuffix("\r")
            if is_secret_name(path.replace("/", "_")):
                learn(text)
            return text
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            message = f"cannot read {path}: {(reason or str(error)).lower()}"
            hint = "a relative path starts at the project's root"
            self.missing.append(diagnostic("HG303", message, span, hint))
            return marker(f"file:{path}")

    def _wrong(self, match: re.Match[str], span: Span) -> None:
        body = match["body"]
        if body is None:
            message = "'${' is not closed, or contains another brace"
        elif not body:
            message = "'${}' contains no variable name"
        else:
            message = "the text in '${…}' is not a variable"
        help_text = "${NAME}, ${NAME:-default}, ${NAME:?message} or ${file:/path}; a literal is $${"
        if sign := re.match(r"[A-Za-z_][A-Za-z0-9_]*([-?])", body or ""):
            message += f"; did you mean ':{sign[1]}' instead of '{sign[1]}'?"
        self.found.append(diagnostic("HG107", message, span, help_text))
