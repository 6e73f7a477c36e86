"""What a code is: a number that people search for, and the text that they find."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of mistake or failure. Its number never changes its meaning and is never reused."""

    code: str
    title: str
    text: str
    """Why it is wrong and how to mend it: paragraphs, divided by empty lines."""
    wrong: str = ""
    """Lines of a file with the mistake; the first is a comment that names the file."""
    right: str = ""
    """The same lines without it."""
    is_warning: bool = False
    """Whether a project with it can run all the same."""
