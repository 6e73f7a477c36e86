"""Output of `hygge validate --explain`."""

from __future__ import annotations

import json
from textwrap import fill, indent

from hygge.codes import CODES, Code
from hygge.console.output import Output
from hygge.errors import UsageError

_WIDEST = 88


def find_code(text: str) -> Code:
    """Return a code by its number; `hg102` and `102` mean HG102.

    Raises `UsageError` with similar codes for an unknown one.
    """
    name = text.strip().upper()
    name = name if name.startswith("HG") else f"HG{name}"
    if name in CODES:
        return CODES[name]
    near = [code for code in CODES if code.startswith(name[:4])]
    hint = f"codes near it: {', '.join(near)}" if near else "docs/errors.md lists all codes"
    raise UsageError(f"there is no code '{text}'", hint=hint)


def show_code(code: Code, output: Output) -> None:
    """Print what a code means, why it is wrong and how to fix it."""
    kind = "warning" if code.is_warning else "error"
    color = "yellow" if code.is_warning else "red"
    output.line(f"{output.paint(f'{kind}[{code.code}]:', color, 'bold')} {code.title}")
    width = min(output.width or _WIDEST, _WIDEST)
    for paragraph in code.text.split("\n\n"):
        output.line()
        output.line(fill(paragraph, width, break_long_words=False, break_on_hyphens=False))
    for label, lines in (("wrong", code.wrong), ("right", code.right)):
        if lines:
            output.line()
            output.line(f"{label}:")
            output.line(indent(lines.rstrip("\n"), "  "))


def show_code_json(code: Code, output: Output) -> None:
    """Print a code as one JSON object."""
    answer = {
        "code": code.code,
        "title": code.title,
        "severity": "warning" if code.is_warning else "error",
        "text": code.text,
        "wrong": code.wrong,
        "right": code.right,
    }
    output.line(json.dumps(answer, indent=2))
