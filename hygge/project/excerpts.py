"""Sorted diagnostics with their source lines, secrets masked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from hygge.project.diagnostics import Diagnostic, is_sensitive
from hygge.project.nodes import Span

_MASK = "***"
_LONGEST = 2000
"""Characters; a longer line is not quoted."""
_FAR = 1000
"""Lines above a position in which its key is searched."""
# A key whose value is masked, or a variable without a default.
_HARMLESS = re.compile(
    r"""[\w"'-]+\s*:\s*(?:\*\*\*|(["']?)\$\{(?:file:[^}]*|[A-Za-z_]\w*(?::\?[^}]*)?)\}\1)"""
    r"""(?=\s*(?:[,}\]#]|$))"""
)

_KEY = re.compile(r"""\s*(?:- +)*(?:[\w.-]+|'[^']*'|"[^"]*")\s*:(?:\s|$)""")
"""Matches the beginning of a line with a key."""


def gathered(
    found: Iterable[Diagnostic], texts: Mapping[str, str], secrets: Iterable[Span] = ()
) -> tuple[Diagnostic, ...]:
    """Return each diagnostic once, sorted, with its source line.

    `secrets` are the positions of values that must not be shown. A line that may contain other
    secrets is not quoted.
    """
    hidden: dict[tuple[str, int], set[Span]] = {}
    for span in secrets:
        hidden.setdefault((span.file, span.line), set()).add(span)
    unique: dict[tuple[str, Span, str], Diagnostic] = {}
    for one in found:
        unique.setdefault((one.code, one.span, one.message), one)
    shown: list[Diagnostic] = []
    for file, those in groupby(sorted(unique.values(), key=_order), key=lambda one: one.file):
        in_file = list(those)
        lines = texts.get(file, "").splitlines()
        unprintable = _inside_secrets(lines, [one.line - 1 for one in in_file])
        for one in in_file:
            spans = hidden.get((file, one.line), set())
            excerpt = None if one.line - 1 in unprintable else _excerpt(one, lines, spans)
            shown.append(replace(one, excerpt=excerpt))
    return tuple(shown)


def _order(one: Diagnostic) -> tuple[str, int, int, str, str]:
    return one.file, one.line, one.column, one.code, one.message


def _excerpt(one: Diagnostic, lines: Sequence[str], secrets: set[Span]) -> str | None:
    """Return the masked source line of a diagnostic, or None."""
    if not 1 <= one.line <= len(lines):
        return None
    line = lines[one.line - 1]
    if not line.strip() or len(line) > _LONGEST:
        return None
    shown = line
    for span in sorted(secrets, key=lambda span: span.column, reverse=True):
        rest = line[span.end_column - 1 :] if span.end_column else ""
        if one.end_column > span.column and (one.column != span.column or rest.strip()):
            return None
        shown = shown[: span.column - 1] + _MASK + (shown[span.end_column - 1 :] if rest else "")
    return None if is_sensitive(_HARMLESS.sub("", shown)) else shown


def _inside_secrets(lines: Sequence[str], numbers: Sequence[int]) -> set[int]:
    """Return which lines continue the value of a secret-like key above them.

    `numbers` are the relevant lines in ascending order. Each line is read once, and none far above
    all of them.
    """
    inside: set[int] = set()
    owners: list[tuple[int, bool]] = []
    position = 0
    for number in numbers:
        if number - position > _FAR:
            owners, position = [], number - _FAR
        for at in range(position, min(number + 1, len(lines))):
            if lines[at].strip() and _is_owned(lines[at], owners):
                inside.add(at)
        position = max(position, number + 1)
    return inside


def _is_owned(line: str, owners: list[tuple[int, bool]]) -> bool:
    """Return whether a line belongs to a secret's value.

    `owners` are the enclosing keys by indentation, each with whether it or a parent is secret-like;
    the line's own key is added.
    """
    is_key = _KEY.match(line) is not None
    # A line without a key continues the key before it, whatever its indentation.
    indent = _indent(line) if is_key else _indent(line) + 1
    while owners and owners[-1][0] >= indent:
        owners.pop()
    is_owned = bool(owners) and owners[-1][1]
    if is_key:
        key, _, value = line.partition(":")
        is_secret = is_sensitive(key) and not value.strip().startswith("{")
        owners.append((indent, is_owned or is_secret))
    return is_owned


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
