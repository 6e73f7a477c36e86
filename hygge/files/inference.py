"""Types from text, only where no text is changed by them.

A column of texts has a type when every text of it is written the way the type's values are
written, so that nothing is lost: `007`, `+1`, ` 1` and integers beyond 64 bits stay text, and a
decimal number is `float64` only when the double stands for the very digits that were written.
Which type that is does not depend on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from hygge.datatypes import arrow_type

if TYPE_CHECKING:
    import pyarrow as pa

    Reading = Callable[[pa.StringArray], pa.Array | None]

_TRUE = ("true", "True", "TRUE")
_FALSE = ("false", "False", "FALSE")
_PLAIN_NUMBER = r"^-?(?:0|[1-9][0-9]*)?(?:\.[0-9]*)?$"
_NUMBER = r"^-?(?:0|[1-9][0-9]*)?(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?$"
_NOT_SIGNIFICANT = r"^-?[0.]*|\.|[eE].*$"
_SAFE_DIGITS = 15
_SAFE_LENGTH = 15
"""A number of this many characters has at most 15 digits, which a double always keeps."""
_LEAST = 2.3e-308
"""Below the smallest normal double, doubles keep fewer than 15 digits."""
_SHORTEST_TIMESTAMP = len("2024-01-31 12:30")
_TIME_DIRECTIVES = tuple("HIMSTRXcsr")


@dataclass(frozen=True, slots=True)
class TextType:
    """A type that texts may have."""

    name: str
    """The type as YAML writes it, `null` apart."""
    read: Reading
    """Returns the values, null where the text is null; None when a text does not fit."""
    witness: str | None = None
    """What at least one text must hold for the column to have this type."""

    def data_type(self) -> pa.DataType:
        """Return the Arrow type of the values."""
        import pyarrow as pa

        return pa.null() if self.name == "null" else arrow_type(self.name)


def candidates(decimal_point: str = ".", formats: Sequence[str] = ()) -> tuple[TextType, ...]:
    """Return the types that texts may have, the preferred ones first.

    `formats` are further ways to write dates and timestamps, in the directives of `strptime`.
    """
    floats = TextType("float64", partial(read_floats, decimal_point=decimal_point), decimal_point)
    return (
        *(TextType(_format_type(f), partial(_read_formatted, format=f)) for f in formats),
        TextType("bool", read_bools),
        TextType("int64", read_integers),
        floats,
        TextType("date", read_dates),
        *(
            TextType(name, partial(read_timestamps, name=name))
            for name in ("timestamp", "timestamp(us,UTC)", "timestamp(ns)", "timestamp(ns,UTC)")
        ),
    )


class Guess:
    """What the texts of one column can be, given those seen so far."""

    def __init__(self, types: Iterable[TextType]) -> None:
        self._types = list(types)
        self._witnessed: set[str] = set()
        self._is_empty = True

    def learn(self, texts: pa.StringArray) -> None:
        """Drop the types that one of `texts` contradicts."""
        if texts.null_count == len(texts):
            return
        self._is_empty = False
        self._types = [kind for kind in self._types if kind.read(texts) is not None]
        for witness in {kind.witness for kind in self._types} - self._witnessed - {None}:
            if witness is not None and _any_holds(texts, witness):
                self._witnessed.add(witness)

    @property
    def is_open(self) -> bool:
        """Whether texts not seen yet could turn what is text so far into a type."""
        return not self._is_empty and bool(self._types) and self._fitting() is None

    def type(self) -> TextType:
        """Return the type: `null` when no text was seen, `string` when no other fits."""
        if self._is_empty:
            return NULL
        return self._fitting() or TEXT

    def _fitting(self) -> TextType | None:
        fits = (k for k in self._types if k.witness is None or k.witness in self._witnessed)
        return next(fits, None)


def _any_holds(texts: pa.StringArray, part: str) -> bool:
    import pyarrow.compute as pc

    return pc.any(pc.match_substring(texts, part)).as_py() is True


def _read_nulls(texts: pa.StringArray) -> pa.Array | None:
    import pyarrow as pa

    return pa.nulls(len(texts)) if texts.null_count == len(texts) else None


def _read_texts(texts: pa.StringArray) -> pa.Array | None:
    return texts


NULL = TextType("null", _read_nulls)
"""No text at all."""
TEXT = TextType("string", _read_texts)
"""Any text."""


def read_bools(texts: pa.StringArray) -> pa.BooleanArray | None:
    """Return `true` and `false`, in lower, upper or title case, as booleans."""
    import pyarrow.compute as pc

    words, true_words = _bool_words()
    if not _all(pc.is_in(texts, words)):
        return None
    return pc.if_else(pc.is_null(texts), None, pc.is_in(texts, true_words))


@cache
def _bool_words() -> tuple[pa.StringArray, pa.StringArray]:
    """Return all words, null with them, and those that mean true."""
    import pyarrow as pa

    return pa.array([*_TRUE, *_FALSE, None], pa.string()), pa.array(_TRUE)


def read_integers(texts: pa.StringArray) -> pa.Int64Array | None:
    """Return 64-bit integers that print back as `texts`."""
    import pyarrow as pa

    values = _cast(texts, pa.int64())
    if values is None or not values.cast(pa.string()).equals(texts):
        return None
    return values


def read_floats(texts: pa.StringArray, *, decimal_point: str = ".") -> pa.DoubleArray | None:
    """Return doubles that stand for exactly the digits that `texts` write.

    No more than 15 significant digits, or as many as the double prints back to. The words `nan`
    and `inf` do not fit, nor does a number that overflows or vanishes.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if decimal_point != ".":
        if _any_holds(texts, "."):
            return None
        texts = pc.replace_substring(texts, decimal_point, ".")
    values = _cast(texts, pa.float64())
    if values is None:
        return None
    is_safe = pc.and_(
        pc.less_equal(pc.binary_length(texts), _SAFE_LENGTH),
        pc.match_substring_regex(texts, _PLAIN_NUMBER),
    )
    if not _all(is_safe):
        is_doubtful = pc.invert(is_safe)
        if not _are_exact(texts.filter(is_doubtful), values.filter(is_doubtful)):
            return None
    return values


def _are_exact(texts: pa.StringArray, values: pa.DoubleArray) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not _all(pc.is_finite(values)):
        return False
    printed = values.cast(pa.string())
    differs = pc.not_equal(printed, texts)
    texts, values, printed = (a.filter(differs) for a in (texts, values, printed))
    if not _all(pc.match_substring_regex(texts, _NUMBER)):
        return False
    written = _digits(texts)
    size = pc.abs(values)
    is_safe = pc.and_(
        pc.less_equal(pc.binary_length(written), _SAFE_DIGITS), pc.greater(size, _LEAST)
    )
    is_zero = pc.and_(pc.equal(written, ""), pc.equal(size, 0.0))
    prints_back = pc.and_(pc.equal(written, _digits(printed)), pc.not_equal(size, 0.0))
    return _all(pc.or_(pc.or_(is_safe, is_zero), prints_back))


def _digits(texts: pa.StringArray) -> pa.StringArray:
    """Return the significant digits of numbers, without sign, point, exponent and outer zeros."""
    import pyarrow.compute as pc

    return pc.utf8_rtrim(pc.replace_substring_regex(texts, _NOT_SIGNIFICANT, ""), "0")


def read_dates(texts: pa.StringArray) -> pa.Date32Array | None:
    """Return dates written `2024-01-31`, from year 1 on."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = _cast(texts, pa.date32())
    if values is None or pc.any(pc.starts_with(texts, "0000")).as_py():
        return None
    return values


def read_timestamps(texts: pa.StringArray, *, name: str) -> pa.TimestampArray | None:
    """Return timestamps written as ISO 8601 says, all with an offset or all without.

    `name` is the type. An offset is turned into UTC. Dates without a time do not fit, nor do more
    digits of a second than the type has, nor years that four digits cannot write.
    """
    import pyarrow.compute as pc

    shortest = pc.min(pc.binary_length(texts)).as_py()
    if shortest is not None and shortest < _SHORTEST_TIMESTAMP:
        return None
    values = _cast(texts, arrow_type(name))
    return values if values is not None and _are_common_years(values) else None


def _are_common_years(values: pa.TimestampArray) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    ends = pc.min_max(values.cast(pa.timestamp(values.type.unit)))
    low, high = (pc.year(ends[end]).as_py() for end in ("min", "max"))
    return low is None or (low >= 1 and high <= 9999)


def _format_type(text: str) -> str:
    if not any(f"%{letter}" in text for letter in _TIME_DIRECTIVES):
        return "date"
    return "timestamp(us,UTC)" if "%z" in text else "timestamp"


def _read_formatted(texts: pa.StringArray, *, format: str) -> pa.Array | None:
    import pyarrow.compute as pc

    values = pc.strptime(texts, format=format, unit="us", error_is_null=True)
    if values.null_count != texts.null_count or not _are_common_years(values):
        return None
    return values.cast(arrow_type(_format_type(format)))


def _cast(texts: pa.StringArray, kind: pa.DataType) -> pa.Array | None:
    import pyarrow as pa

    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        return None


def _all(flags: pa.BooleanArray) -> bool:
    import pyarrow.compute as pc

    return pc.all(flags).as_py() is not False
