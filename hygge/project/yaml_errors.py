"""Diagnostics for YAML syntax errors: the likely cause and a fix."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from hygge.project.diagnostics import Diagnostic, diagnostic, is_sensitive
from hygge.project.nodes import Span

MAX_DEPTH = 50
"""Maximum nesting of lists and mappings in one file."""

_NO_SPACE = re.compile(r"\s*(?:- +)?(?P<key>[A-Za-z_][\w.-]*):(?P<value>[^\s:/].*)$")
_KEY = re.compile(r"\s*(?:- +)?[A-Za-z_][\w.-]*:(\s|$)")


@dataclass(frozen=True, slots=True)
class _Problem:
    """The parser's error, with positions from 0."""

    text: str
    context: str
    line: int
    column: int
    context_line: int
    context_column: int
    lines: list[str]
    file: str

    def span(self, line: int, column: int, length: int = 1) -> Span:
        return Span(self.file, line + 1, column + 1, column + 1 + length)

    @property
    def here(self) -> Span:
        last = max(len(self.lines) - 1, 0)
        if self.line > last:
            return self.span(last, len(self.lines[last]) if self.lines else 0)
        return self.span(self.line, self.column)

    @property
    def opened(self) -> Span:
        return self.span(self.context_line, self.context_column)

    def at(self, number: int) -> str:
        return self.lines[number] if 0 <= number < len(self.lines) else ""


def too_deep(place: Span) -> Diagnostic:
    """Return the diagnostic for too deep nesting."""
    hint = "remove the superfluous brackets"
    return diagnostic("HG006", f"nested deeper than {MAX_DEPTH} levels", place, hint)


def explain(error: Exception, text: str, file: str) -> Diagnostic:
    """Return the diagnostic for an error of the YAML parser."""
    problem = _problem(error, text, file)
    for cause in _CAUSES:
        found = cause(problem)
        if found is not None:
            return found
    message = ": ".join(part for part in (problem.context, problem.text) if part)
    return diagnostic(
        "HG001", f"invalid YAML: {message}", problem.here, "quote the value, or indent"
    )


def _problem(error: Exception, text: str, file: str) -> _Problem:
    mark = getattr(error, "problem_mark", None)
    context = getattr(error, "context_mark", None) or mark
    return _Problem(
        text=str(getattr(error, "problem", None) or getattr(error, "reason", None) or error),
        context=str(getattr(error, "context", None) or ""),
        line=mark.line if mark else 0,
        column=mark.column if mark else 0,
        context_line=context.line if context else 0,
        context_column=context.column if context else 0,
        lines=text.splitlines(),
        file=file,
    )


def _depth(problem: _Problem) -> Diagnostic | None:
    # libyaml 0.2.6 rejects such a line before it reports its content.
    return too_deep(problem.here) if "maximum nesting depth" in problem.text else None


def _tab(problem: _Problem) -> Diagnostic | None:
    line = problem.at(problem.line)
    if "\t" not in line[: len(line) - len(line.lstrip())]:
        return None
    place = problem.span(problem.line, line.index("\t"))
    return diagnostic("HG004", "a tab is used for indentation", place, "indent with two spaces")


def _missing_space(problem: _Problem) -> Diagnostic | None:
    if "':'" not in problem.text and "mapping values" not in problem.text:
        return None
    for number in (problem.context_line, problem.line, problem.line - 1):
        match = _NO_SPACE.match(problem.at(number))
        if match:
            colon = match.start("value") - 1
            value = "…" if is_sensitive(match[0]) else _shortened(match["value"])
            fixed = f"{match['key']}: {value}"
            place = problem.span(number, colon)
            return diagnostic("HG001", "a space is missing after the colon", place, fixed)
    return None


def _shortened(value: str) -> str:
    return value if len(value) <= 60 else value[:57] + "…"


def _missing_colon(problem: _Problem) -> Diagnostic | None:
    if "could not find expected ':'" not in problem.text:
        return None
    word = problem.at(problem.context_line).strip()
    place = problem.span(problem.context_line, problem.context_column, len(word))
    if re.match(r"-\w", word):
        message = "a space is missing after the dash"
        return diagnostic("HG001", message, place, "items begin with '- '")
    return diagnostic("HG001", "a colon is missing in this line", place, "write key: value")


def _second_colon(problem: _Problem) -> Diagnostic | None:
    if "mapping values" not in problem.text:
        return None
    line = problem.at(problem.line)
    if _KEY.match(line[: problem.column]):
        hint = "quote a value that contains a colon and a space"
        return diagnostic("HG001", "a second ': ' in one line", problem.here, hint)
    indent = len(line) - len(line.lstrip())
    if indent:
        place = problem.span(problem.line, 0, indent)
        hint = "a key begins in the same column as the other keys of its mapping"
        message = "this line is indented, but the key above it already has a value"
        return diagnostic("HG001", message, place, hint)
    message = "the line above is neither a key with a value nor part of one"
    place = problem.span(max(problem.line - 1, 0), 0, len(problem.at(problem.line - 1)))
    return diagnostic("HG001", message, place, "write key: value")


def _indentation(problem: _Problem) -> Diagnostic | None:
    if "<document start>" in problem.text:
        message = "this line is indented less than the first line of the file"
        return diagnostic("HG001", message, problem.here, "begin all of them in the same column")
    if "'-' indicator" in problem.text:
        message = "this line is part of a list, but does not begin with '-'"
        return diagnostic(
            "HG001", message, problem.here, "begin an item with '- ', or indent a key less"
        )
    return None


def _after_value(problem: _Problem) -> Diagnostic | None:
    if "did not find expected key" not in problem.text:
        return None
    line = problem.at(problem.line)
    if line[problem.column : problem.column + 1] == ":":
        message = "a key is missing before the colon"
        return diagnostic("HG001", message, problem.here, "write key: value")
    if opened := _opened_above(problem, line[: problem.column].rstrip()):
        return _never_closed(opened)
    if line[: problem.column].strip():
        hint = "write the whole value in one pair of quotes; inside '…' a ' is written ''"
        message = "text after the end of the value"
        return diagnostic("HG001", message, problem.here, hint)
    message = "the indentation of this line does not match any line above"
    return diagnostic("HG001", message, problem.here, "align it with the other keys of its mapping")


def _opened_above(problem: _Problem, before: str) -> Span | None:
    """Return where a quote was opened in a line above, if this line closes it."""
    quote = before[-1:]
    if quote not in ("'", '"') or quote in before[:-1]:
        return None
    opening = re.compile(rf"\s*(?:- +)?(?:[\w.-]+: +)?{quote}[^{quote}]*$")
    for number in range(problem.line - 1, -1, -1):
        if opening.match(problem.at(number)):
            return problem.span(number, problem.at(number).index(quote))
    return None


def _never_closed(place: Span) -> Diagnostic:
    message = "the quote that is opened here is not closed"
    return diagnostic("HG001", message, place, "end the value with the same quote")


def _unclosed(problem: _Problem) -> Diagnostic | None:
    if "unexpected end of stream" in problem.text and "quoted" in problem.context:
        return _never_closed(problem.opened)
    if "flow" not in problem.context:
        return None
    line = problem.at(problem.line)
    if line[problem.column : problem.column + 1] == "{" and line[problem.column - 1] == "$":
        place = problem.span(problem.line, problem.column - 1, 2)
        hint = 'quote it:  "${NAME}"'
        return diagnostic("HG001", "a variable inside brackets needs quotes", place, hint)
    bracket = problem.at(problem.context_line)[problem.context_column :][:1]
    if "',' or" in problem.text and bracket in ("[", "{"):
        closing = "]" if bracket == "[" else "}"
        message = f"'{bracket}' is opened here; a comma or '{closing}' is missing after it"
        hint = f"close it with '{closing}', and quote items that contain brackets or commas"
        return diagnostic("HG001", message, problem.opened, hint)
    message = "a value or a closing bracket is missing"
    hint = "write the value; separate values in [ ] and { } by commas"
    return diagnostic("HG001", message, problem.here, hint)


def _glob(problem: _Problem) -> Diagnostic | None:
    if "alias" not in problem.context:
        return None
    word = re.match(r"[^\s,\]}]+", problem.at(problem.context_line)[problem.context_column :])
    is_shown = word and not is_sensitive(problem.at(problem.context_line))
    shown = word[0] if word and is_shown else "*…"
    place = problem.span(problem.context_line, problem.context_column, len(shown))
    hint = f'write it in quotes: "{shown}"'
    return diagnostic("HG009", "a glob that begins with '*' needs quotes", place, hint)


def _character(problem: _Problem) -> Diagnostic | None:
    if "cannot start any token" not in problem.text:
        return None
    wrong = problem.at(problem.line)[problem.column :][:1]
    hint = "write the value in quotes"
    return diagnostic("HG001", f"a value cannot begin with '{wrong}'", problem.here, hint)


def _escape(problem: _Problem) -> Diagnostic | None:
    if "escape" not in problem.text:
        return None
    if "Unicode" in problem.text:
        hint = "write the character itself"
        return diagnostic(
            "HG001", "this escape sequence is not a valid character", problem.here, hint
        )
    wrong = problem.at(problem.line)[problem.column :][:2]
    hint = "use single quotes, in which a backslash is literal, or write two backslashes"
    return diagnostic("HG001", f"'{wrong}' is not an escape sequence", problem.here, hint)


def _block(problem: _Problem) -> Diagnostic | None:
    if "block scalar" not in problem.context:
        return None
    message = (
        f"'{problem.at(problem.context_line)[problem.context_column :][:1]}' begins a text block"
    )
    return diagnostic("HG001", message, problem.opened, "write the value in quotes")


_CAUSES: tuple[Callable[[_Problem], Diagnostic | None], ...] = (
    _depth,
    _tab,
    _missing_space,
    _missing_colon,
    _second_colon,
    _indentation,
    _after_value,
    _unclosed,
    _glob,
    _character,
    _escape,
    _block,
)
