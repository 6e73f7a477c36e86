"""The watermark of a flow as an API expects it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from hygge.connectors.rest.config import Since
from hygge.errors import HomeError

_START = datetime(1970, 1, 1, tzinfo=UTC)


def since_value(settings: Since, text: str) -> str | int:
    """Return a watermark rounded down to what the API compares, so that no row at it is lost.

    Raises `HomeError` for a watermark that is no time, unless it is sent as text.
    """
    if settings.format == "text":
        return text
    step = Fraction(settings.granularity).limit_denominator(10**9)
    if settings.format == "date":
        step = max(step, Fraction(86_400))
    seconds = _seconds(settings, text) // step * step - (0 if settings.inclusive else step)
    match settings.format:
        case "epoch":
            return seconds.numerator // seconds.denominator
        case "epoch_ms":
            return int(seconds * 1000 // 1)
    at = _START + timedelta(microseconds=int(seconds * 10**6 // 1))
    if settings.format == "date":
        return at.date().isoformat()
    return at.replace(tzinfo=None).isoformat() + "Z"


def _seconds(settings: Since, text: str) -> Fraction:
    """Return the seconds since 1970 of a time; a number counts in the units of the format."""
    try:
        number = Fraction(text)
    except ValueError:
        pass
    else:
        return number / (1000 if settings.format == "epoch_ms" else 1)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        try:
            at = datetime.combine(date.fromisoformat(text), datetime.min.time())
        except ValueError as error:
            raise HomeError(
                f"the watermark '{text}' of '{settings.column}' is no time",
                hint="set  since: {format: text}  in the home to send it as it is",
            ) from error
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return Fraction((at - _START) // timedelta(microseconds=1), 10**6)
