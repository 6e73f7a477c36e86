"""Diagnostics as SARIF 2.1.0, which code scanners and editors read.

See https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from hygge import __version__
from hygge.codes import CODES, Code
from hygge.console.output import Output
from hygge.console.text import clean
from hygge.project.diagnostics import Diagnostic

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_ROOT = "%SRCROOT%"


def show_sarif(diagnostics: Sequence[Diagnostic], output: Output) -> None:
    """Print one SARIF log with one run: the rules that were broken, and where."""
    broken = sorted({one.code for one in diagnostics})
    driver = {
        "name": "hygge",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(CODES[code]) for code in broken],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(one, broken.index(one.code)) for one in diagnostics],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    output.line(json.dumps(log, indent=2))


def _rule(code: Code) -> dict[str, Any]:
    return {
        "id": code.code,
        "name": "".join(word.capitalize() for word in code.title.replace("-", " ").split()),
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": code.text},
        "help": {"text": code.text + _example(code, ""), "markdown": code.text + _example(code)},
        "defaultConfiguration": {"level": "warning" if code.is_warning else "error"},
    }


def _example(code: Code, fence: str = "```") -> str:
    if not code.wrong:
        return ""
    parts = (("Wrong", code.wrong), ("Right", code.right))
    if fence:
        return "".join(f"\n\n{name}:\n\n{fence}yaml\n{text}{fence}" for name, text in parts)
    return "".join(f"\n\n{name}:\n\n{text.rstrip()}" for name, text in parts)


def _result(one: Diagnostic, rule: int) -> dict[str, Any]:
    region: dict[str, Any] = {
        "startLine": one.line,
        "startColumn": one.column,
        "endColumn": one.end_column,
    }
    if one.excerpt is not None:
        region["snippet"] = {"text": clean(one.excerpt)}
    place = {"artifactLocation": _artifact(one.file), "region": region}
    text = f"{one.code}\0{one.file}\0{one.message}"
    return {
        "ruleId": one.code,
        "ruleIndex": rule,
        "level": one.severity.value,
        "message": {"text": "\n".join(clean(line) for line in (one.message, *one.help))},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"message/v1": sha256(text.encode()).hexdigest()[:16]},
    }


def _artifact(file: str) -> dict[str, str]:
    path = PurePosixPath(file)
    if path.is_absolute():
        return {"uri": path.as_uri()}
    return {"uri": quote(file), "uriBaseId": _ROOT}
