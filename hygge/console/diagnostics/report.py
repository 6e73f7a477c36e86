"""Output of diagnostics: full, concise or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.cells import cell_len

from hygge.console.output import Output
from hygge.console.suggested_commands import with_options
from hygge.console.text import clean, duration
from hygge.project.diagnostics import Diagnostic, Report
from hygge.values.plurals import plural

_WIDEST = 160
_LEAD = 60
_COLORS = {True: "red", False: "yellow"}


def show_full(diagnostics: Iterable[Diagnostic], output: Output) -> None:
    """Print each diagnostic with its source line, carets and help."""
    for one in diagnostics:
        _head(one, output)
        for line in _excerpt(one, output):
            output.line(line)
        for line in one.help:
            output.line(f"  {output.paint('=', 'cyan')} {clean(with_options(line))}")


def show_concise(diagnostics: Iterable[Diagnostic], output: Output) -> None:
    """Print one line for each diagnostic."""
    for one in diagnostics:
        _head(one, output)


def show_verdict(reports: Sequence[Report], seconds: float, output: Output) -> None:
    """Print what was checked and the number of errors and warnings."""
    errors = sum(len(report.errors) for report in reports)
    warnings = sum(len(report.warnings) for report in reports)
    what = ", ".join(
        plural(sum(getattr(report, kind) for report in reports), kind[:-1])
        for kind in ("homes", "stores", "flows", "environments")
    )
    found = [plural(errors, "error")] if errors else []
    found += [plural(warnings, "warning")] if warnings else []
    color = "red" if errors else "yellow" if warnings else "green"
    verdict = output.paint(", ".join(found) or "no errors", color)
    output.line(f"Checked {what} in {duration(seconds)}: {verdict}")


def show_json(reports: Sequence[Report], output: Output) -> None:
    """Print one JSON object: every diagnostic, and what was checked."""
    answer = {
        "diagnostics": [_fields(one) for report in reports for one in report.diagnostics],
        "errors": sum(len(report.errors) for report in reports),
        "warnings": sum(len(report.warnings) for report in reports),
        "checked": {
            kind: sum(getattr(report, kind) for report in reports)
            for kind in ("homes", "stores", "flows", "environments")
        },
    }
    output.line(json.dumps(answer, indent=2))


def _fields(one: Diagnostic) -> dict[str, Any]:
    return {
        "code": one.code,
        "severity": one.severity.value,
        "message": one.message,
        "file": one.file,
        "line": one.line,
        "column": one.column,
        "end_column": one.end_column,
        "help": list(one.help),
    }


def _head(one: Diagnostic, output: Output) -> None:
    kind = output.paint(f"{one.severity.value}[{one.code}]:", _COLORS[one.is_error], "bold")
    output.line(f"{output.paint(clean(one.where) + ':', 'bold')} {kind} {clean(one.message)}")


def _excerpt(one: Diagnostic, output: Output) -> list[str]:
    """Return the source line with carets below it; a long line is truncated."""
    if one.excerpt is None:
        return []
    start, end = one.column - 1, one.end_column - 1
    cut = max(start - _LEAD, 0) if len(one.excerpt) > _WIDEST else 0
    shown = one.excerpt[cut : cut + _WIDEST]
    before, marked = shown[: start - cut], shown[start - cut : end - cut]
    carets = "^" * max(cell_len(clean(marked)), 1)
    number, blank = str(one.line), " " * len(str(one.line))
    bar = output.paint("|", "cyan")
    return [
        f"{blank} {bar}",
        f"{output.paint(number, 'cyan')} {bar} {clean(shown)}",
        f"{blank} {bar} {' ' * cell_len(clean(before))}"
        + output.paint(carets, _COLORS[one.is_error], "bold"),
    ]
