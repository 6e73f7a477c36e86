"""How a column is read exactly through a driver: its SQL expression, driver type and cast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.errors import HomeError
from hygge.types.casting import exact_cast

if TYPE_CHECKING:
    import pyarrow as pa

_GUARD = "hygge_guard"


class UnsafeError(Exception):
    """A driver would change a column's values; the message says why."""


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """How one column is read."""

    sql: str
    """The expression of the SELECT list, without its alias."""
    bound: pa.DataType
    """Arrow type requested from the driver."""
    field: pa.Field
    """The field of the result."""
    is_odd: str | None = None
    """SQL condition for values that the driver would change; such a row is an error."""

    def converted(self, array: pa.Array) -> pa.Array:
        """Return the driver's values with the type of `field`; raises `pa.ArrowInvalid`."""
        import pyarrow as pa

        kind = self.field.type
        if kind == pa.uuid() and not isinstance(array.type, pa.BaseExtensionType):
            return _uuids(array)
        if array.type.equals(kind):
            return array
        if pa.types.is_floating(array.type) and pa.types.is_floating(kind):
            # Requested as the wider type, since some drivers lose digits of the narrow one.
            return array.cast(kind, safe=False)
        if not pa.types.is_timestamp(kind) or kind.tz is None:
            return exact_cast(array, kind)
        try:
            return array.cast(kind)
        except pa.ArrowInvalid:
            return array.cast(pa.timestamp(kind.unit)).cast(kind)


def select(readings: Sequence[ColumnReading], quote: Callable[[str], str]) -> str:
    """Return `SELECT …`, with one more column where values must be checked."""
    parts = [f"{one.sql} AS {quote(one.field.name)}" for one in readings]
    odd = [(n, one.is_odd) for n, one in enumerate(readings) if one.is_odd]
    if odd:
        cases = " ".join(f"WHEN {sql} THEN {n + 1}" for n, sql in odd)
        parts.append(f"CASE {cases} ELSE 0 END AS {quote(_GUARD)}")
    return f"SELECT {', '.join(parts)}"


def convert(
    batch: pa.RecordBatch, readings: Sequence[ColumnReading], entity: str, hint: str
) -> pa.RecordBatch:
    """Return a driver's batch of a `select` in the types of the fields; values do not change.

    Raises `HomeError` that names the column. `hint` may contain `{}` for the column's name.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    def unreadable(reading: ColumnReading, what: str) -> HomeError:
        name, kind = reading.field.name, reading.field.type
        return HomeError(
            f"column '{name}' of {entity} is {kind}, and contains {what}",
            hint=hint.format(name),
            code="HG508",
        )

    if batch.num_columns > len(readings):
        odd = pc.max(batch.column(batch.num_columns - 1)).as_py()
        if odd:
            raise unreadable(readings[odd - 1], "a value that the driver would change")
    arrays = []
    for array, reading in zip(batch.columns, readings, strict=False):
        try:
            arrays.append(reading.converted(array))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            what = " ".join(str(error).split())[:120]
            raise unreadable(reading, f"an invalid value: {what}") from error
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema([one.field for one in readings]))


def _uuids(texts: pa.Array) -> pa.Array:
    from uuid import UUID

    import pyarrow as pa

    values = [None if text is None else UUID(text).bytes for text in texts.to_pylist()]
    return pa.ExtensionArray.from_storage(pa.uuid(), pa.array(values, pa.binary(16)))
