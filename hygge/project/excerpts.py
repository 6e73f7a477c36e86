"""Diagnostics in their order, each with the line it speaks of, and no secret in any line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from hygge.project.diagnostics import Diagnostic, is_sensitive
from hygge.project.tree import Span

_MASK = "***"
_LONGEST = 2000
"""A line longer than this is quoted nowhere: no person wrote it."""
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
    lines: dict[str, list[str]] = {}
    unique: dict[tuple[str, Span, str], Diagnostic] = {}
    for one in found:
        unique.setdefault((one.code, one.span, one.message), one)
    for key, one in unique.items():
        if one.file in texts and one.file not in lines:
            lines[one.file] = texts[one.file].splitlines()
        shown = _excerpt(one, lines.get(one.file, []), hidden.get((one.file, one.line), set()))
        unique[key] = replace(one, excerpt=shown)
    return tuple(sorted(unique.values(), key=_order))


def _order(one: Diagnostic) -> tuple[str, int, int, str, str]:
    return one.file, one.line, one.column, one.code, one.message


def _excerpt(one: Diagnostic, lines: Sequence[str], secrets: set[Span]) -> str | None:
    """Return the line of a diagnostic as it may be shown, or None."""
    if not 1 <= one.line <= len(lines):
        return None
    line = lines[one.line - 1]
    if not line.strip() or len(line) > _LONGEST or _is_inside_a_secret(lines, one.line - 1):
        return None
    shown = line
    for span in sorted(secrets, key=lambda span: span.column, reverse=True):
        rest = line[span.end_column - 1 :] if span.end_column else ""
        if one.end_column > span.column and (one.column != span.column or rest.strip()):
            return None
        shown = shown[: span.column - 1] + _MASK + (shown[span.end_column - 1 :] if rest else "")
    return None if is_sensitive(_HARMLESS.sub("", shown)) else shown


def _is_inside_a_secret(lines: Sequence[str], number: int) -> bool:
    """Return whether a line goes on with the value of a key above it that looks like a secret's."""
    indent = _indent(lines[number])
    if not _KEY.match(lines[number]):
        indent += 1  # a line without a key goes on with the key before it, however it is indented
    for line in reversed(lines[max(number - 1000, 0) : number]):
        if _indent(line) < indent and _KEY.match(line):
            key, _, value = line.partition(":")
            if is_sensitive(key) and not value.strip().startswith("{"):
                return True
            indent = _indent(line)
    return False


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
