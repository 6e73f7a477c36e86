"""Time zones of values that are written without one."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

_SOON = 3 * 3600 * 10**6
"""Microseconds ahead in which a change of clocks may repeat an hour."""


def _known(name: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("write the name of a time zone, such as Europe/Oslo or UTC") from error
    return name


Zone = Annotated[str, AfterValidator(_known)]
"""Name of a time zone in this machine's database."""


def on_the_wall(since: int, zone: str) -> int:
    """Return the lowest local time of the zone from `since` on.

    Both in microseconds since 1970; `since` in UTC.
    """
    return since + min(_offset(moment, zone) for moment in (since, since + _SOON))


def _offset(moment: int, zone: str) -> int:
    from datetime import UTC, datetime, timedelta
    from zoneinfo import ZoneInfo

    offset = datetime.fromtimestamp(moment / 10**6, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    return (offset or timedelta()) // timedelta(microseconds=1)
