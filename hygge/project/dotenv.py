"""Env files: `NAME=value` lines, parsed strictly, never expanded."""

from __future__ import annotations

import re
from pathlib import Path

from hygge.errors import UsageError
from hygge.project.diagnostics import Diagnostic, diagnostic
from hygge.project.nodes import Span
from hygge.project.variables import Layer
from hygge.project.yaml_parser import MAX_BYTES, MAX_NODES

_NAME = re.compile(r"(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*")
_SINGLE = re.compile(r"'(?P<text>[^']*)'")
_DOUBLE = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"', re.DOTALL)
_PLAIN = re.compile(r"(?P<text>[^\n]*?)(?:[ \t]+#[^\n]*)?[ \t]*(?=\n|\Z)")
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?\n|[ \t]*(?:#[^\n]*)?\Z|[ \t]+")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_SHAPE = "write NAME=value, with quotes around a value that contains spaces or #"


def read_layers(
    root: Path, env: str | None, env_file: Path | None
) -> tuple[tuple[Layer, ...], list[Diagnostic]]:
    """Return the variables of the project's env files by precedence, and diagnostics.

    `.env.<env>` overrides `.env`; an explicit file replaces both. Raises `UsageError` when it does
    not exist.
    """
    if env_file is not None:
        if not env_file.is_file():
            raise UsageError(f"no file {env_file}", hint=f"ls -l {env_file.parent}")
        paths = [env_file]
    else:
        paths = [root / name for name in ((f".env.{env}",) if env else ()) + (".env",)]
    layers: list[Layer] = []
    found: list[Diagnostic] = []
    for path in paths:
        if path.is_file():
            file = path.name if path.parent == root else path.as_posix()
            values, wrong = read(path, file)
            layers.append(Layer(file, values))
            found += wrong
    return tuple(layers), found


def read(path: Path, file: str) -> tuple[dict[str, str], list[Diagnostic]]:
    """Return the variables of one env file, and diagnostics without values."""
    start = Span(file, 1, 1, 1)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            message = f"{file} is larger than {MAX_BYTES:,} bytes"
            return {}, [diagnostic("HG006", message, start, "keep only lines NAME=value in it")]
        text = data.decode("utf-8-sig")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return {}, [diagnostic("HG002", f"cannot read {file}: {reason}", start, f"ls -l {file}")]
    except UnicodeDecodeError:
        return {}, [diagnostic("HG003", f"{file} is not UTF-8 text", start, "save it as UTF-8")]
    return parse(text.replace("\r\n", "\n"), file)


def parse(text: str, file: str) -> tuple[dict[str, str], list[Diagnostic]]:
    """Return the variables of an env file's text; the last of a name wins."""
    values: dict[str, str] = {}
    found: list[Diagnostic] = []
    position = 0
    line, counted = 1, 0
    while position < len(text):
        blank = _BLANK.match(text, position)
        if blank and blank.end() > position:
            position = blank.end()
            continue
        if len(values) + len(found) == MAX_NODES:
            message = f"more than {MAX_NODES:,} lines"
            place = Span(file, 1, 1, 1)
            return values, [diagnostic("HG006", message, place, "keep only lines NAME=value in it")]
        name = _NAME.match(text, position)
        value, end = _value(text, name.end()) if name else (None, position)
        if name is None or value is None:
            line, counted = line + text.count("\n", counted, position), position
            column = position - text.rfind("\n", 0, position)
            place = Span(file, line, column, column + 1)
            found.append(_wrong(place, None if name is None else name["name"]))
            position = _line_end(text, position)
            continue
        values[name["name"]] = value
        position = end
    return values, found


def _value(text: str, position: int) -> tuple[str | None, int]:
    """Return the value that begins at `position` and where the next line begins."""
    quote = text[position : position + 1]
    pattern = {"'": _SINGLE, '"': _DOUBLE}.get(quote, _PLAIN)
    match = pattern.match(text, position)
    rest = _REST.match(text, match.end()) if match else None
    if match is None or rest is None:
        return None, position
    value = match["text"]
    if quote == '"':
        value = re.sub(r"\\(.)", _unescape, value, flags=re.DOTALL)
    return value, rest.end()


def _unescape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[1] if match[1] in '"\\$`' else match[0])


def _wrong(span: Span, name: str | None) -> Diagnostic:
    if name is None:
        return diagnostic("HG302", "this line is not NAME=value", span, _SHAPE)
    return diagnostic(
        "HG302", f"the quotes around the value of {name} are not closed", span, _SHAPE
    )


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end + 1
