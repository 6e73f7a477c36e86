"""Counting the receipt of a commit: figures of each column, computed in transit.

Only figures that Arrow computes in one pass and constant memory: nulls of every column, minimum and
maximum of numbers and times, exact sums of integers and decimals. Texts are often personal data, so
only their nulls are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Context
from typing import TYPE_CHECKING, Any

from hygge.types.watermarks import text_of
from hygge.values.model import ColumnReceipt, Receipt

if TYPE_CHECKING:
    import pyarrow as pa

MOST_COLUMNS = 1000
"""Maximum columns of a receipt."""
MOST_MEASURED = 100
"""Maximum columns with more than nulls: each costs about 20 µs per batch."""
_EXACT = Context(prec=200)

Number = int | float
Measured = tuple[Number | None, Number | None, int | None]
"""Minimum, maximum and sum: decimals in units of their last digit, times in their type's unit."""


class Counting:
    """The figures of one split; only the thread that stages it adds to them."""

    def __init__(self, schema: pa.Schema) -> None:
        self.rows = 0
        self.columns: list[_Column] = []
        left = MOST_MEASURED
        for field in list(schema)[:MOST_COLUMNS]:
            measure = _measure(field.type) if left else None
            left -= measure is not None
            self.columns.append(_Column(field, measure))

    def add(self, batch: pa.RecordBatch) -> None:
        """Count a staged batch."""
        self.rows += batch.num_rows
        for number, column in enumerate(self.columns):
            column.add(batch.column(number))


def receipt_of(schema: pa.Schema, countings: Iterable[Counting]) -> Receipt:
    """Return the receipt of all splits, which have this schema."""
    whole = Counting(schema)
    for counting in countings:
        whole.rows += counting.rows
        for mine, theirs in zip(whole.columns, counting.columns, strict=True):
            mine.nulls += theirs.nulls
            mine.widen(theirs.found)
    receipts = tuple(column.receipt() for column in whole.columns)
    return Receipt(whole.rows, receipts, left_out=len(schema) - len(receipts))


@dataclass(slots=True)
class _Column:
    """The figures of a column so far."""

    field: pa.Field
    measure: Callable[[pa.Array], Measured] | None
    nulls: int = 0
    found: Measured | None = None

    def add(self, array: pa.Array) -> None:
        nulls = _nulls(array)
        self.nulls += nulls
        if self.measure is not None and nulls < len(array):
            self.widen(self.measure(array))

    def widen(self, other: Measured | None) -> None:
        """Merge the figures of more rows."""
        if self.found is None or other is None:
            self.found = self.found or other
            return
        (low, high, total), (least, most, more) = self.found, other
        self.found = (
            min((one for one in (low, least) if one is not None), default=None),
            max((one for one in (high, most) if one is not None), default=None),
            None if total is None or more is None else total + more,
        )

    def receipt(self) -> ColumnReceipt:
        """Return the figures as texts."""
        texts = [
            None if value is None else _text(value, self.field.type)
            for value in self.found or (None, None, None)
        ]
        return ColumnReceipt(self.field.name, self.nulls, *texts)


def _nulls(array: pa.Array) -> int:
    """Return the number of nulls, also for layouts without a validity bitmap."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_run_end_encoded(array.type):
        array = pc.run_end_decode(array)
    if pa.types.is_dictionary(array.type) and array.dictionary.null_count:
        array = array.dictionary_decode()
    count: int = array.null_count
    return count


def _measure(kind: pa.DataType) -> Callable[[pa.Array], Measured] | None:
    """Return the function that measures non-empty arrays of a type; None where none does."""
    import pyarrow as pa

    is_ = pa.types
    if is_.is_integer(kind):
        return _of_whole
    if is_.is_decimal(kind):
        return _of_decimals
    if is_.is_floating(kind):
        return _of_floats
    if is_.is_timestamp(kind) or is_.is_date(kind) or is_.is_time(kind):
        return _of_times
    return _of_truths if is_.is_boolean(kind) else None


def _of_whole(array: pa.Array) -> Measured:
    import pyarrow as pa
    import pyarrow.compute as pc

    low, high = _ends(array)
    room = 2**64 if pa.types.is_unsigned_integer(array.type) else 2**63
    if max(abs(low), abs(high)) * len(array) < room:
        return low, high, pc.sum(array).as_py()
    # The sums of the upper and lower half of the bits cannot overflow.
    upper = pc.shift_right(array, pa.scalar(32, array.type))
    lower = pc.bit_wise_and(array, pa.scalar(2**32 - 1, array.type))
    return low, high, (pc.sum(upper).as_py() << 32) + pc.sum(lower).as_py()


def _of_decimals(array: pa.Array) -> Measured:
    """Measure decimals; a sum of more than 76 digits is not recorded."""
    import pyarrow as pa
    import pyarrow.compute as pc

    scale = array.type.scale
    if array.type.bit_width < 128:
        array = array.cast(pa.decimal128(array.type.precision, scale))
    low, high = (int(_EXACT.scaleb(value, scale)) for value in _ends(array))
    most = max(abs(low), abs(high)) * len(array)
    if most >= 10**76:
        return low, high, None
    if most >= 10**38 and array.type.bit_width == 128:
        array = array.cast(pa.decimal256(76, scale))
    return low, high, int(_EXACT.scaleb(pc.sum(array).as_py(), scale))


def _of_floats(array: pa.Array) -> Measured:
    """Measure floats without NaN; no sum, which would depend on the order of rows."""
    import pyarrow as pa

    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())
    low, high = _ends(array)
    # Adding zero turns -0.0 into 0.0.
    return (None, None, None) if low != low else (low + 0.0, high + 0.0, None)


def _of_times(array: pa.Array) -> Measured:
    low, high = _ends(array.view(_storage(array.type)))
    return low, high, None


def _of_truths(array: pa.Array) -> Measured:
    """Measure booleans; the sum is the number of true values."""
    import pyarrow.compute as pc

    return None, None, pc.sum(array).as_py()


def _ends(array: pa.Array) -> tuple[Any, Any]:
    import pyarrow.compute as pc

    ends = pc.min_max(array)
    return ends["min"].as_py(), ends["max"].as_py()


def _storage(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return pa.int32() if kind.bit_width == 32 else pa.int64()


def _text(value: Number, kind: pa.DataType) -> str:
    """Return a figure as exact text; timestamps with a zone in UTC."""
    import pyarrow as pa

    if pa.types.is_decimal(kind):
        return format(_EXACT.scaleb(_EXACT.create_decimal(value), -kind.scale), "f")
    if isinstance(value, float) or not pa.types.is_temporal(kind):
        return repr(value)
    return text_of(pa.scalar(value, _storage(kind)).cast(kind))
