"""Output of `hygge doctor`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from hygge.console.output import Output
from hygge.console.suggested_commands import with_options
from hygge.console.text import clean, clean_lines
from hygge.operations.doctor import Examined
from hygge.values.model import Finding
from hygge.values.plurals import plural
from hygge.values.redact import redact, redact_values

_STYLES = {"ok": "green", "warning": "yellow", "error": "red"}
_WIDTH = max(map(len, _STYLES))


def show_findings(title: str, findings: Iterable[Finding], output: Output) -> None:
    """Print a line for each finding below a title, with its hint."""
    output.line(output.paint(clean(title), "bold"))
    indent = " " * (_WIDTH + 4)
    for one in findings:
        level = output.paint(one.level.ljust(_WIDTH), _STYLES[one.level])
        output.line(f"  {level}  {clean_lines(redact(one.text), indent)}")
        if one.hint:
            head = output.paint("help:", "cyan")
            output.line(
                f"{indent}{head} {clean_lines(with_options(redact(one.hint)), indent + ' ' * 6)}"
            )


def show_examined(one: Examined, output: Output) -> None:
    """Print the findings on a home or a store."""
    outline = one.outline
    show_findings(f"{one.kind} {outline.name} ({outline.type})", one.findings, output)


def show_verdict(findings: Sequence[Finding], output: Output) -> None:
    """Print the number of errors and warnings."""
    errors, warnings = counted(findings)
    output.line()
    if not errors and not warnings:
        output.line("no problems found")
        return
    said = [plural(errors, "error")] if errors else []
    output.line(", ".join([*said, *([plural(warnings, "warning")] if warnings else [])]))


def counted(findings: Sequence[Finding]) -> tuple[int, int]:
    """Return the number of errors and of warnings."""
    levels = [one.level for one in findings]
    return levels.count("error"), levels.count("warning")


def write_health(project: Sequence[Finding], examined: Sequence[Examined], output: Output) -> None:
    """Write everything as one JSON object."""
    errors, warnings = counted([*project, *(f for one in examined for f in one.findings)])
    fields = {
        "project": [asdict(one) for one in project],
        "connectors": [_fields(one) for one in examined],
        "errors": errors,
        "warnings": warnings,
    }
    output.line(json.dumps(redact_values(fields), indent=1))


def _fields(one: Examined) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "name": one.outline.name,
        "type": one.outline.type,
        "file": one.outline.file,
        "findings": [asdict(finding) for finding in one.findings],
    }
