"""Guards of a replace: whether staged rows may replace those of the store."""

from __future__ import annotations

from dataclasses import dataclass

from hygge.errors import FlowError
from hygge.incremental.backfill import Ends
from hygge.settings.move import MoveSettings
from hygge.values.model import WARNING, Commit, Mode, Result
from hygge.values.plurals import plural
from hygge.values.requests import WriteRequest

_NOT_ADOPTED = (
    "the home has no rows of {entity}, so nothing was taken over (to empty the table, set "
    "on_empty: replace)"
)


LARGE_SHRINK = 0.5
"""A replace that loses a larger share of rows causes a warning."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Nothing is published; this is not an error."""

    result: Result
    note: str


def reason_to_keep(
    settings: MoveSettings,
    request: WriteRequest,
    rows: int,
    last: Commit | None,
    *,
    is_news: bool = False,
    again: Ends | None = None,
) -> Kept | None:
    """Return why `rows` staged rows are not published after `last`; None when they may be.

    An adopted place may have uncounted rows of others. With `again` the rows of a range were to
    replace others. With `is_news` all rows of an increment were quarantined, and the commit records
    that they are no longer new. Raises `FlowError` when `on_empty` or `max_shrink` forbids it.
    """
    entity = request.entity
    if settings.mode is Mode.REPLACE:
        if request.adopt and last is None and rows == 0 and settings.on_empty == "keep":
            return Kept(Result.KEPT, _NOT_ADOPTED.format(entity=entity))
        return _reason_not_to_replace(settings, entity, rows, last)
    if rows > 0 or last is None:
        return None
    if settings.delete_missing or again is not None:
        return _reason_not_to_replace(settings, entity, rows, last)
    if settings.incremental is not None:
        return None if is_news else Kept(Result.OK, "nothing new")
    return Kept(Result.OK, f"the home has no rows to {settings.mode}")


def check_limit(
    settings: MoveSettings, limit: int | None, last: Commit | None, *, flow: str, into: str
) -> None:
    """Raise `FlowError` where a replace by `limit` rows would leave fewer rows than there are."""
    if limit is None or last is None or settings.mode is not Mode.REPLACE:
        return
    if limit < last.total_rows:
        raise FlowError(
            f"--limit {limit} would replace the {plural(last.total_rows, 'row')} of {into} by at "
            f"most {limit:,}; nothing was moved",
            hint=f"write them to a scratch table instead:  hygge go {flow} --limit {limit} "
            "--into-scratch",
            code="HG580",
        )


def shrinkage(
    settings: MoveSettings, rows: int, last: Commit | None, *, undo: str, where: str
) -> str | None:
    """Return the warning for a replace that shrinks a place to `rows` rows; None without one.

    It is a warning above half, unless the flow sets `max_shrink`. `undo` is the command that
    reverts it.
    """
    if last is None or settings.mode is not Mode.REPLACE or rows >= last.total_rows:
        return None
    before = last.total_rows
    change = f"{before:,} before, {rows:,} now: {plural(before - rows, 'row')} fewer"
    share = 1 - rows / before
    if share <= LARGE_SHRINK or settings.max_shrink is not None:
        return change
    way = f"  {undo}  reverts it;" if settings.keep_generations else ""
    return (
        f"{WARNING}{change} ({share:.0%}). If this is wrong:{way}  max_shrink: {LARGE_SHRINK:.0%}  "
        f"in {where} prevents it next time"
    )


def _reason_not_to_replace(
    settings: MoveSettings, entity: str, rows: int, last: Commit | None
) -> Kept | None:
    if rows == 0:
        _check_may_be_empty(settings, entity)
    if last is None or last.total_rows == 0:
        return None
    if rows == 0 and settings.on_empty == "keep":
        return Kept(
            Result.KEPT,
            f"the home has no rows of {entity}; the store keeps its {last.total_rows:,} (to empty "
            "it, set on_empty: replace)",
        )
    _check_shrink(settings, entity, rows, last)
    return None


def _check_may_be_empty(settings: MoveSettings, entity: str) -> None:
    if settings.on_empty == "fail":
        raise FlowError(
            f"the home has no rows of {entity}, and on_empty is fail; nothing was published",
            hint="check the home; if this is right, set on_empty: replace",
            code="HG532",
        )


def _check_shrink(settings: MoveSettings, entity: str, rows: int, last: Commit) -> None:
    shrunk = 1 - rows / last.total_rows
    if settings.max_shrink is not None and shrunk > settings.max_shrink:
        raise FlowError(
            f"{entity} would shrink from {plural(last.total_rows, 'row')} to {rows:,}, "
            f"more than max_shrink: {settings.max_shrink:.0%} allows; nothing was published",
            hint="check the home; if this is right, raise max_shrink for one run",
            code="HG533",
        )
