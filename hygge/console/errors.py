"""An error as a person reads it: what failed, and what to type next."""

from __future__ import annotations

from hygge.console.commands import with_options
from hygge.console.output import Output
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
    """Print something worth knowing although nothing failed."""
    output.line(f"{output.paint('note:', 'cyan')} {clean_lines(with_options(redact(text)))}")


def show_warning(text: str, output: Output) -> None:
    """Print something that should be seen to, although the run goes on."""
    output.line(f"{output.paint('warning:', 'yellow')} {clean_lines(with_options(redact(text)))}")
