"""Output of errors, notes and warnings."""

from __future__ import annotations

from hygge.console.output import Output
from hygge.console.suggested_commands import with_options
from hygge.console.text import clean_lines
from hygge.errors import HyggeError
from hygge.values.redact import redact


def show_error(error: HyggeError, output: Output) -> None:
    """Print `error[CODE]: message` and, below it, the hint."""
    head = output.paint(f"error[{error.code}]:", "red", "bold")
    output.line(f"{head} {clean_lines(redact(error.message))}")
    if error.hint:
        hint = clean_lines(with_options(redact(error.hint)), " " * 8)
        output.line(f"  {output.paint('help:', 'cyan')} {hint}")


def show_note(text: str, output: Output) -> None:
    """Print a note."""
    output.line(f"{output.paint('note:', 'cyan')} {clean_lines(with_options(redact(text)))}")


def show_warning(text: str, output: Output) -> None:
    """Print a warning."""
    output.line(f"{output.paint('warning:', 'yellow')} {clean_lines(with_options(redact(text)))}")
