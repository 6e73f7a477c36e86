"""Diagnostics in their order, each with the line it speaks of, and no secret in any line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from hygge.project.diagnostics import Diagnostic, is_sensitive
from hygge.project.tree import Span

_MASK = "***"
_LONGEST = 2000
"""A line longer than this is quoted nowhere: no person wrote it."""
_FAR = 1000
"""Lines above a place among which its key is looked for."""
# A key whose value is masked, or nothing but a variable without a default.
_HARMLESS = re.compile(
    r"""[\w"'-]+\s*:\s*(?:\*\*\*|(["']?)\$\{(?:file:[^}]*|[A-Za-z_]\w*(?::\?[^}]*)?)\}\1)"""
    r"""(?=\s*(?:[,}\]#]|$))"""
)

_KEY = re.compile(r"""\s*(?:- +)*(?:[\w.-]+|'[^']*'|"[^"]*")\s*:(?:\s|$)""")
"""The beginning of a line that holds a key."""


def gathered(
    found: Iterable[Diagnostic], texts: Mapping[str, str], secrets: Iterable[Span] = ()
) -> tuple[Diagnostic, ...]:
    """Return each diagnostic once, sorted, with the line of the file it speaks of.

    `secrets` are the places of values that must not be shown. A line that looks as if it held
    another one is not quoted at all.
    """
    hidden: dict[tuple[str, int], set[Span]] = {}
    for span in secrets:
        hidden.setdefault((span.file, span.line), set()).add(span)
    unique: dict[tuple[str, Span, str], Diagnostic] = {}
    for one in found:
        unique.setdefault((one.code, one.span, one.message), one)
    shown: list[Diagnostic] = []
    for file, those in groupby(sorted(unique.values(), key=_order), key=lambda one: one.file):
        told = list(those)
        lines = texts.get(file, "").splitlines()
        untold = _inside_secrets(lines, [one.line - 1 for one in told])
        for one in told:
            spans = hidden.get((file, one.line), set())
            excerpt = None if one.line - 1 in untold else _excerpt(one, lines, spans)
            shown.append(replace(one, excerpt=excerpt))
    return tuple(shown)


def _order(one: Diagnostic) -> tuple[str, int, int, str, str]:
    return one.file, one.line, one.column, one.code, one.message


def _excerpt(one: Diagnostic, lines: Sequence[str], secrets: set[Span]) -> str | None:
    """Return the line of a diagnostic as it may be shown, or None."""
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
    """Return which lines go on with the value of a key above them that looks like a secret's.

    `numbers`, which rise, are the lines that matter. Each line is looked at once, and none that
    lies far above all of them.
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
    """Return whether a line lies in a secret's value.

    `owners` are the keys it may belong to, by indentation, each with whether it or one around it
    is a secret's; the line's own key joins them.
    """
    is_key = _KEY.match(line) is not None
    # A line without a key goes on with the key before it, however it is indented.
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
