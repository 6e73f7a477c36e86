"""Diagnostics of a project, and the report that collects them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from hygge.codes import CODES
from hygge.errors import ConfigError, HyggeError
from hygge.project.nodes import Span
from hygge.values.plurals import plural
from hygge.values.redact import without_logins

_SENSITIVE = re.compile(
    r"(?<![a-z])pass(?![a-z])|pass(word|wd|phrase)|pwd|secret|token|credential"
    r"|(api|private|access|account)[_-]?key|://[^/\s:]*:[^/\s]*@",
    re.IGNORECASE,
)


class Severity(StrEnum):
    """Severity: whether a project with this diagnostic can run."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error or warning, with its position and help."""

    code: str
    severity: Severity
    message: str
    span: Span
    help: tuple[str, ...] = ()
    """Help lines: what would be right, or the next command."""
    excerpt: str | None = None
    """The source line with secrets masked; None when it may contain other secrets or does not
    exist.
    """

    @property
    def file(self) -> str:
        """The file, posix, relative to the project's root."""
        return self.span.file

    @property
    def line(self) -> int:
        """The line, from 1."""
        return self.span.line

    @property
    def column(self) -> int:
        """The column, from 1, in characters."""
        return self.span.column

    @property
    def end_column(self) -> int:
        """One past the last character, never before `column` + 1."""
        return max(self.span.end_column, self.span.column + 1)

    @property
    def is_error(self) -> bool:
        """Whether it is an error."""
        return self.severity is Severity.ERROR

    @property
    def where(self) -> str:
        """`file:line:column`, as editors and terminals understand it."""
        return f"{self.file}:{self.line}:{self.column}"

    def __str__(self) -> str:
        return f"{self.where}: {self.severity.value}[{self.code}]: {self.message}"


GUESSES = 50
"""Maximum wrong names in one place for which a suggestion is searched."""
_LONGEST_NAME = 100
_LONGEST_TEXT = 2000


def is_sensitive(text: str) -> bool:
    """Return whether a line of YAML, or a key, may contain a secret."""
    return _SENSITIVE.search(text) is not None


def diagnostic(code: str, message: str, span: Span, *help: str) -> Diagnostic:
    """Return a diagnostic with the severity of its code and logins masked."""
    severity = Severity.WARNING if CODES[code].is_warning else Severity.ERROR
    lines = tuple(without_logins(_bounded(line)) for line in help if line)
    return Diagnostic(code, severity, without_logins(_bounded(message)), span, lines)


def _bounded(text: str) -> str:
    """Return a text with the middle cut out if it is very long."""
    return text if len(text) <= _LONGEST_TEXT else f"{text[:400]} … {text[-200:]}"


def near(wrong: str, known: Iterable[str]) -> str | None:
    """Return the known name most similar to `wrong`."""
    if len(wrong) > _LONGEST_NAME:
        return None
    names = {name.casefold(): name for name in known}
    found = get_close_matches(wrong.casefold().replace("-", "_"), names, n=1, cutoff=0.6)
    return names[found[0]] if found else None


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?`, or an empty string."""
    guess = near(wrong, known)
    return f"; did you mean '{guess}'?" if guess else ""


@dataclass(frozen=True, slots=True)
class Report:
    """All diagnostics of a check, ordered by file, line and column."""

    diagnostics: tuple[Diagnostic, ...]
    homes: int = 0
    stores: int = 0
    flows: int = 0
    environments: int = 0

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The errors."""
        return tuple(d for d in self.diagnostics if d.is_error)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The warnings."""
        return tuple(d for d in self.diagnostics if not d.is_error)


def _listed(diagnostics: Sequence[Diagnostic]) -> str:
    lines = [f"{plural(len(diagnostics), 'error')} in the project"]
    for one in diagnostics:
        lines += [str(one), *(f"  = {text}" for text in one.help[:1])]
    return "\n".join(lines)


class ProjectError(ConfigError):
    """The project cannot run; `diagnostics` has all reasons."""

    code = "HG200"

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        first, *more = self.diagnostics
        if more:
            message = _listed(self.diagnostics)
            is_setup = all(one.code.startswith("HG3") for one in self.diagnostics)
            hint = "hygge validate --env-check" if is_setup else "hygge validate"
        else:
            message = f"{first.where}: {first.message}"
            hint = first.help[-1] if first.help else "hygge validate"
        code = self.code if more else first.code
        HyggeError.__init__(self, message, hint=hint, code=code)

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the diagnostics when the error crosses a process boundary."""
        return ProjectError, (self.diagnostics,)
