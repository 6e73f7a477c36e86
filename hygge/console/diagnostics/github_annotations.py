"""Diagnostics as GitHub annotations.

See https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
"""

from __future__ import annotations

from collections.abc import Iterable

from hygge.console.output import Output
from hygge.console.text import clean
from hygge.project.diagnostics import Diagnostic


def show_annotations(diagnostics: Iterable[Diagnostic], output: Output) -> None:
    """Print one workflow command for each diagnostic, its help included."""
    for one in diagnostics:
        properties = {
            "file": one.file,
            "line": one.line,
            "col": one.column,
            "endColumn": one.end_column,
            "title": one.code,
        }
        listed = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
        text = "\n".join(clean(line) for line in (one.message, *one.help))
        output.line(f"::{one.severity.value} {listed}::{_data(text)}")


def _data(text: str) -> str:
    """Escape characters with a meaning in workflow commands; the percent sign first."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(clean(text)).replace(":", "%3A").replace(",", "%2C")
