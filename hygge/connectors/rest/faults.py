"""Errors of APIs."""

from __future__ import annotations

from hygge.errors import HomeError


class PassingError(HomeError):
    """An error after which another attempt may help."""

    code = "HG507"
    seconds: float | None = None
    """The wait in seconds that the API asks for; None where it does not say."""


def changed(what: str) -> PassingError:
    """Return the error for rows that changed while their pages were fetched."""
    return PassingError(
        f"{what}: rows were added or removed while the pages were fetched",
        hint="let the API sort by a column that never changes, or use cursor or link pages",
        code="HG504",
    )
