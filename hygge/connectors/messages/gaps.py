"""Messages that were deleted before they were moved: an error with a choice, or a note."""

from __future__ import annotations

from hygge.connectors.messages.config import RetainedHomeConfig
from hygge.errors import HomeError
from hygge.values.model import WARNING


class Gaps:
    """The gaps that were found in one view."""

    def __init__(self, config: RetainedHomeConfig, entity: str) -> None:
        self.notes: list[str] = []
        self._fails = config.on_gap == "fail"
        self._entity = entity

    def report(self, what: str) -> None:
        """Record a gap; raise `HomeError` with the choices unless the home says to continue."""
        if not self._fails:
            self.notes.append(f"{WARNING}{self._entity}: {what}")
            return
        raise HomeError(
            f"{self._entity}: {what}",
            hint="move more often, or keep messages longer; to continue with the messages that are "
            "there, set  on_gap: continue  in the home; to replace all rows of the store by them, "
            "run  hygge go FLOW --full-refresh",
            code="HG556",
        )


def deleted(count: int, after: str) -> str:
    """Return that so many messages after a position were deleted."""
    what = (
        "1 message was deleted before it was"
        if count == 1
        else (f"{count:,} messages were deleted before they were")
    )
    return f"{what} moved, after {after}"
