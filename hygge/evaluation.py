"""What the parts of an expression compute, on whole batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import isinf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

FUNCTIONS = ("abs", "coalesce", "length", "lower", "trim", "upper")


class ExpressionError(ValueError):
    """A text that is no expression; the message says where and what was expected."""


Value = Any
"""An array or a scalar of pyarrow."""
Evaluate = Callable[["pa.RecordBatch"], Value]


def constant(value: object) -> Evaluate:
    """Return what every row has. Raises `ExpressionError` for a number beyond 64 bits."""
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ExpressionError(f"{value} is too large; write it as {value}.0")
    if isinstance(value, float) and isinf(value):
        raise ExpressionError("a number is too large")

    def evaluate(_: pa.RecordBatch) -> Value:
        import pyarrow as pa

        return pa.scalar(value)

    return evaluate


def moment(word: str, text: object) -> Evaluate:
    """Return a date or a time that was written. Raises `ExpressionError` when it is none."""
    import pyarrow as pa

    from hygge.watermarks import value_of

    zoned = pa.timestamp("us", "UTC")
    for kind in (pa.date32(),) if word == "date" else (pa.timestamp("us"), zoned):
        try:
            found = value_of(str(text), kind)
        except ValueError:
            continue
        return lambda _: found
    raise ExpressionError(f"'{text}' is no {word}; write {word} '2026-01-31'")


def called(kernel: str, parts: Sequence[Evaluate]) -> Evaluate:
    """Return one of Arrow's functions of the parts."""

    def evaluate(batch: pa.RecordBatch) -> Value:
        import pyarrow.compute as pc

        return pc.call_function(kernel, [part(batch) for part in parts])

    return evaluate


def compared(kernel: str, one: Evaluate, other: Evaluate) -> Evaluate:
    """Compare; a time without a zone is one of UTC beside a time with one."""

    def evaluate(batch: pa.RecordBatch) -> Value:
        import pyarrow as pa
        import pyarrow.compute as pc

        pair = [one(batch), other(batch)]
        kinds = [part.type for part in pair]
        for mine, theirs in ((0, 1), (1, 0)):
            if _is_text(pair[mine]) and _ismoment(kinds[theirs]):
                pair[mine] = _read(pair[mine], kinds[theirs])
        kinds = [part.type for part in pair]
        if all(map(pa.types.is_timestamp, kinds)) and len({k.tz is None for k in kinds}) > 1:
            pair = [part.cast(pa.timestamp(part.type.unit, "UTC")) for part in pair]
        return pc.call_function(kernel, pair)

    return evaluate


def _is_text(value: Value) -> bool:
    """Return whether a value is a text that a person wrote, not a column."""
    import pyarrow as pa

    return isinstance(value, pa.StringScalar) and value.is_valid


def _ismoment(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def _read(text: Value, kind: pa.DataType) -> Value:
    import pyarrow as pa

    from hygge.watermarks import value_of

    try:
        return value_of(text.as_py(), kind)
    except ValueError as error:
        raise pa.ArrowInvalid(str(error)) from error


def reduced(kernel: str, parts: Sequence[Evaluate]) -> Evaluate:
    """Return one of Arrow's functions of two, over all parts from left to right."""

    def evaluate(batch: pa.RecordBatch) -> Value:
        import pyarrow.compute as pc

        found = (part(batch) for part in parts)
        return reduce(lambda one, other: pc.call_function(kernel, [one, other]), found)

    return evaluate


def within(value: Evaluate, choices: Sequence[Evaluate]) -> Evaluate:
    """Return whether a value is one of the choices."""
    return reduced("or_kleene", [compared("equal", value, choice) for choice in choices])


def glued(one: Evaluate, other: Evaluate) -> Evaluate:
    """Return two values as one text; null when one is."""

    def evaluate(batch: pa.RecordBatch) -> Value:
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = [part(batch).cast(pa.string()) for part in (one, other)]
        return pc.binary_join_element_wise(*texts, pa.scalar(""), null_handling="emit_null")

    return evaluate


def divided(one: Evaluate, other: Evaluate) -> Evaluate:
    """Return a quotient; of two whole numbers a float."""

    def evaluate(batch: pa.RecordBatch) -> Value:
        import pyarrow as pa
        import pyarrow.compute as pc

        left, right = one(batch), other(batch)
        if pa.types.is_integer(left.type) and pa.types.is_integer(right.type):
            left = left.cast(pa.float64())
        return pc.divide_checked(left, right)

    return evaluate


_KERNELS = {
    "abs": "abs_checked",
    "length": "utf8_length",
    "lower": "utf8_lower",
    "trim": "utf8_trim_whitespace",
    "upper": "utf8_upper",
}


def function(name: str, parts: Sequence[Evaluate]) -> Evaluate:
    """Return a named function of the parts. Raises `ExpressionError` for too many."""
    if name == "coalesce":
        return called("coalesce", parts)
    if len(parts) != 1:
        raise ExpressionError(f"{name} takes one value, not {len(parts)}")
    return called(_KERNELS[name], parts)
