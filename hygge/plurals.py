"""Counted things in sentences."""

from __future__ import annotations


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return `1 row`, `1,000 rows`; `many` where it is not `one` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
