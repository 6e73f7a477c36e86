"""The class of codes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of error or warning. Its number never changes its meaning and is never reused."""

    code: str
    title: str
    text: str
    """Why it is wrong and how to fix it: paragraphs, separated by empty lines."""
    wrong: str = ""
    """Lines of a file with the error; the first is a comment with the file's name."""
    right: str = ""
    """The same lines without the error."""
    is_warning: bool = False
    """Whether it is a warning."""
