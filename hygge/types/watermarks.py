"""Values of watermarks: which types are allowed, and exact conversion to text and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    import pyarrow as pa

_EPOCH = "epoch "
"""Prefix of the text of a time or date that Arrow cannot parse: years beyond four digits."""

_TIMESTAMP = re.compile(r"timestamp\[(?P<unit>s|ms|us|ns)(, tz=(?P<zone>.+))?\]")


def reason_against(kind: pa.DataType) -> str | None:
    """Return why a type is not allowed for a watermark; None when it is."""
    import pyarrow as pa

    is_ = pa.types
    tests = (is_.is_integer, is_.is_floating, is_.is_decimal, is_.is_timestamp, is_.is_date)
    texts = (is_.is_string, is_.is_large_string, is_.is_string_view)
    if any(test(kind) for test in (*tests, *texts)):
        return None
    if is_.is_time(kind):
        return "a time of day starts again every day"
    shown = kind.extension_name if isinstance(kind, pa.BaseExtensionType) else kind
    return f"values of type {shown} do not increase with the rows"


def text_of(value: pa.Scalar) -> str:
    """Return a value as text that `value_of` converts back exactly.

    Timestamps with a zone are written in UTC.
    """
    import pyarrow as pa

    kind = value.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _text_of_time(value)
    if pa.types.is_floating(kind):
        return repr(value.as_py())
    return str(value.cast(pa.string()).as_py())


def _text_of_time(value: pa.Scalar) -> str:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = value.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        value = value.cast(pa.timestamp(kind.unit, "UTC"))
    if 0 < pc.year(value).as_py() < 10_000:
        return str(value.cast(pa.string()).as_py())
    return f"{_EPOCH}{value.cast(_storage(kind)).as_py()}"


def _storage(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return pa.int32() if pa.types.is_date32(kind) else pa.int64()


def value_of(text: str, kind: pa.DataType) -> pa.Scalar:
    """Return the value of a text; a time without a zone is in UTC.

    Raises `ValueError` when the text is not of this type.
    """
    import pyarrow as pa

    is_time = pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    if is_time and re.fullmatch(_EPOCH + r"-?\d+", text):
        return pa.scalar(int(text.removeprefix(_EPOCH)), _storage(kind)).cast(kind)
    if pa.types.is_timestamp(kind):
        return _instant(text, kind)
    try:
        return pa.scalar(text, pa.string()).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"'{text}' is not a value of type {kind}") from error


def _instant(text: str, kind: pa.TimestampType) -> pa.Scalar:
    import pyarrow as pa

    zoned = pa.timestamp(kind.unit, "UTC")
    # Arrow parses a text with a zone only as a zoned timestamp, and one without only as a naive
    # one.
    for wanted in (zoned, pa.timestamp(kind.unit)):
        try:
            found = pa.scalar(text, pa.string()).cast(wanted)
        except pa.ArrowInvalid:
            continue
        if kind.tz is None and wanted is zoned:
            raise ValueError(f"'{text}' has a time zone, and the column has none")
        return found.cast(kind)
    raise ValueError(f"'{text}' is not a time; write 2026-01-31, or 2026-01-31T23:59:59Z")


def tomorrow(kind: pa.DataType, now: datetime) -> pa.Scalar | None:
    """Return the value one day after `now`; a later time is treated as an error in the data.

    None for types other than times and dates.
    """
    import pyarrow as pa

    latest = now.astimezone(UTC) + timedelta(days=1)
    if pa.types.is_timestamp(kind):
        naive = pa.scalar(latest.replace(tzinfo=None), pa.timestamp("us"))
        return naive.cast(pa.timestamp(kind.unit), safe=False).cast(kind)
    if pa.types.is_date(kind):
        return pa.scalar(latest.date(), kind)
    return None


def before(value: pa.Scalar, distance: float) -> pa.Scalar:
    """Return the value lower by a distance: seconds for times and dates, units for numbers.

    A distance that is no multiple of the type's unit is rounded up. Raises `ValueError` for types
    without distances, such as text.
    """
    import math

    import pyarrow as pa

    kind, is_ = value.type, pa.types
    if is_.is_timestamp(kind):
        steps = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
        return _moved(value, pa.int64(), math.ceil(distance * steps))
    if is_.is_date32(kind):
        return _moved(value, pa.int32(), math.ceil(distance / 86_400))
    if is_.is_date64(kind):
        return _moved(value, pa.int64(), math.ceil(distance / 86_400) * 86_400_000)
    if is_.is_integer(kind):
        lower = value.as_py() - math.ceil(distance)
        return pa.scalar(max(lower, lowest(kind).as_py()), kind)
    if is_.is_decimal(kind):
        return _lower(value, math.ceil(distance))
    if is_.is_floating(kind):
        return pa.scalar(value.as_py() - distance, kind)
    raise ValueError(f"values of type {kind} cannot be subtracted, so lookback is not possible")


def text_before(text: str, type_text: str, distance: float) -> str | None:
    """Return the text of the value that is `distance` lower; see `before`.

    `type_text` is the name of its Arrow type. None for a type without distances.
    """
    import pyarrow as pa

    found = _TIMESTAMP.fullmatch(type_text)
    try:
        if found is not None:
            kind = pa.timestamp(found["unit"], found["zone"])
        else:
            kind = pa.type_for_alias(type_text.removesuffix("[day]"))
        return text_of(before(value_of(text, kind), distance))
    except ValueError:
        return None


def lowest(kind: pa.DataType) -> pa.Scalar:
    """Return the minimum value of a watermark column's type."""
    import pyarrow as pa

    is_ = pa.types
    if is_.is_string(kind) or is_.is_large_string(kind):
        return pa.scalar("", kind)
    if is_.is_floating(kind):
        return pa.scalar(float("-inf"), kind)
    if is_.is_decimal(kind):
        return pa.scalar(_minimum(kind), kind)
    return pa.scalar(0 if is_.is_unsigned_integer(kind) else -(2 ** (kind.bit_width - 1)), kind)


def _minimum(kind: pa.DataType) -> Decimal:
    from decimal import Decimal

    return Decimal((1, (9,) * kind.precision, -kind.scale))


def _lower(value: pa.Scalar, distance: int) -> pa.Scalar:
    """Return a decimal lower by a distance, or the minimum of its type."""
    from decimal import Context, Decimal

    import pyarrow as pa

    kind = value.type
    exact = Context(prec=100)
    return pa.scalar(max(exact.subtract(value.as_py(), Decimal(distance)), _minimum(kind)), kind)


def _moved(value: pa.Scalar, storage: pa.DataType, steps: int) -> pa.Scalar:
    import pyarrow as pa

    number = value.cast(storage).as_py() - steps
    least = -(2 ** (storage.bit_width - 1)) + 1
    return pa.scalar(max(number, least), storage).cast(value.type)
