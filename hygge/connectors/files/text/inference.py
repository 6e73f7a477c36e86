"""Inference of types from text, only where no text is changed.

A column has a type when every text is written in one canonical format of the type, so that each
text can be reproduced from its value: `007`, `+1`, ` 1` and integers beyond 64 bits stay text, and
so do `1.4` beside `1.40`. Numbers that all have the same number of decimals, `1.40` beside `2.00`,
are `decimal`, which keeps them. The type does not depend on the order of rows. The store's type
takes precedence: a published type is never narrowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from hygge.connectors.files.text.moments import are_common_years, moment_format
from hygge.types.casting import exact_cast
from hygge.types.type_names import arrow_type

if TYPE_CHECKING:
    import pyarrow as pa

    Reading = Callable[[pa.StringArray], pa.Array | None]

_TRUE = ("true", "True", "TRUE")
_FALSE = ("false", "False", "FALSE")


@dataclass(frozen=True, slots=True)
class _Style:
    """A format of doubles, as regular expressions."""

    plain: str
    with_exponent: str


_WHOLE = "(?:0|[1-9][0-9]*)"
_SHORT = r"(?:\.[0-9]*[1-9])?"
_POINTED = r"\.(?:0|[0-9]*[1-9])"
_EXPONENT = r"(?:e[-+]?|E[-+])[0-9]+"
_STYLES = (
    _Style(f"^-?{_WHOLE}{_SHORT}$", f"^-?[1-9]{_SHORT}{_EXPONENT}$"),
    _Style(f"^-?{_WHOLE}{_POINTED}$", f"^-?[1-9](?:{_POINTED}[eE][-+]?[0-9]+|{_EXPONENT})$"),
    _Style(f"^-?(?:[1-9][0-9]*)?{_SHORT}$", f"^-?[1-9]{_SHORT}{_EXPONENT}$"),
)
"""Without a superfluous zero: `2`, `2.5`; with a point always: `2.0`, `2.5`; without a zero before
the point: `2`, `.5`."""
_PLAIN_NUMBER = r"^-?(?:0|[1-9][0-9]*)?(?:\.[0-9]*)?$"
_NUMBER = r"^-?(?:0|[1-9][0-9]*)?(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?$"
_NOT_SIGNIFICANT = r"^-?[0.]*|\.|[eE].*$"
_SAFE_DIGITS = 15
_SAFE_LENGTH = 15
"""A number of this many characters has at most 15 digits, which a double preserves."""
_LEAST = 2.3e-308
"""The smallest normal double; below it doubles preserve fewer than 15 digits."""
_FIXED = re.compile(r"-?[0-9]+\.([0-9]{1,9})")
"""A number with as many decimals as a column of amounts may have."""
_FIXED_SCIENTIFIC = re.compile(r"-?[0-9]\.([0-9]+)[eE][-+]?[0-9]+")
_PRECISIONS = (18, 38)
_NOTHING = "^[^-.0-9]$"
"""Matches no number."""
_SHORTEST_TIMESTAMP = len("2024-01-31 12:30")


@dataclass(frozen=True, slots=True)
class TextType:
    """A candidate type of a column of texts."""

    name: str
    """Name of the type in YAML; `null` has none there."""
    read: Reading
    """Returns the values, null where the text is null; None when a text is invalid."""
    witness: str | None = None
    """Substring that at least one text must contain for this type."""
    held: pa.DataType | None = None
    """The exact type, where it is the store's."""

    def data_type(self) -> pa.DataType:
        """Return the Arrow type of the values."""
        import pyarrow as pa

        if self.held is not None:
            return self.held
        return pa.null() if self.name == "null" else arrow_type(self.name)


def candidates(
    decimal_point: str = ".", formats: Sequence[str] = (), held: pa.DataType | None = None
) -> tuple[TextType, ...]:
    """Return the candidate types, preferred ones first.

    `formats` are further formats of dates and timestamps, in `strptime` directives. `held` is the
    type of the column in the store: it is chosen if every text is a value of it, and if it is text,
    no other type is a candidate.
    """
    if held is not None and _is_text(held):
        return (TEXT,)
    distinct = [text for text in formats if moment_format(text).is_told_from_numbers]
    moments = [
        *(TextType(moment_format(t).kind, partial(_read_formatted, text=t)) for t in distinct),
        TextType("date", read_dates),
        *(
            TextType(name, partial(read_timestamps, name=name))
            for name in ("timestamp", "timestamp(us,UTC)", "timestamp(ns)", "timestamp(ns,UTC)")
        ),
    ]
    numbers = [
        TextType("bool", read_bools),
        TextType("int64", read_integers),
        *(_floats(style, decimal_point) for style in _STYLES),
    ]
    kinds = (*moments[: len(distinct)], *numbers, *moments[len(distinct) :])
    own = None if held is None else _held(held, kinds, decimal_point)
    return kinds if own is None else (own, *kinds)


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow.types as is_

    if is_.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(is_.is_string(kind) or is_.is_large_string(kind) or is_.is_string_view(kind))


def _held(held: pa.DataType, kinds: Sequence[TextType], decimal_point: str) -> TextType | None:
    """Return the store's type as a candidate; None where it has no canonical texts."""
    import pyarrow.types as is_

    ways: list[Reading]
    if is_.is_integer(held):
        ways = [read_integers]
    elif is_.is_floating(held):
        ways = [partial(read_floats, decimal_point=decimal_point)]
    elif is_.is_decimal(held):
        ways = [partial(_read_decimals, kind=held, decimal_point=decimal_point)]
    elif is_.is_boolean(held):
        ways = [read_bools]
    elif is_.is_date(held) or is_.is_timestamp(held) or is_.is_time(held):
        ways = [kind.read for kind in kinds if kind.name.startswith(("date", "time"))]
    else:
        return None
    return TextType(str(held), partial(_read_as, held=held, ways=ways), held=held)


def _read_as(
    texts: pa.StringArray, *, held: pa.DataType, ways: Sequence[Reading]
) -> pa.Array | None:
    """Return the values by the first matching format, in the store's type; None where changed."""
    import pyarrow as pa

    for read in ways:
        values = read(texts)
        if values is None or _loses_zone(values.type, held):
            continue
        try:
            return exact_cast(values, held)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
    return None


def _loses_zone(kind: pa.DataType, held: pa.DataType) -> bool:
    """Return whether one has a time zone and the other does not."""
    return (getattr(kind, "tz", None) is None) != (getattr(held, "tz", None) is None)


def _floats(style: _Style, decimal_point: str) -> TextType:
    read = partial(read_floats, decimal_point=decimal_point, style=style)
    return TextType("float64", read, decimal_point)


def _written_alike(text: str, decimal_point: str) -> list[TextType]:
    """Return the types of numbers with as many decimals as `text`."""
    text = text if decimal_point == "." else text.replace(decimal_point, ".")
    if found := _FIXED.fullmatch(text):
        scale = len(found[1])
        return [
            TextType(
                f"decimal({precision},{scale})",
                partial(_read_fixed, precision=precision, scale=scale, decimal_point=decimal_point),
            )
            for precision in _PRECISIONS
        ]
    if found := _FIXED_SCIENTIFIC.fullmatch(text):
        pattern = rf"^-?[0-9]\.[0-9]{{{len(found[1])}}}[eE][-+]?[0-9]+$"
        return [_floats(_Style(_NOTHING, pattern), decimal_point)]
    return []


class Guess:
    """The candidate types of one column, given the texts seen so far."""

    def __init__(self, types: Iterable[TextType], decimal_point: str = ".") -> None:
        self._types = list(types)
        self._point = decimal_point
        self._witnessed: set[str] = set()
        self._is_empty = True

    def learn(self, texts: pa.StringArray) -> int | None:
        """Drop the candidates that one of `texts` contradicts.

        Returns the position of the text that excluded the last type other than text, if any.
        """
        if texts.null_count == len(texts):
            return None
        if self._is_empty:
            self._is_empty = False
            first = texts[_first_valid(texts)].as_py()
            self._types += _written_alike(first, self._point) if self._types != [TEXT] else []
        before = self._types
        self._types = [kind for kind in before if kind.read(texts) is not None]
        for witness in {kind.witness for kind in self._types} - self._witnessed - {None}:
            if witness is not None and _any_holds(texts, witness):
                self._witnessed.add(witness)
        return None if self._types or not before else _deciding(texts, before)

    @property
    def is_open(self) -> bool:
        """Whether further texts could change the type from text."""
        return not self._is_empty and bool(self._types) and self._fitting() is None

    def type(self) -> TextType:
        """Return the type: `null` without texts, `string` without another candidate."""
        if self._is_empty:
            return NULL
        return self._fitting() or TEXT

    def _fitting(self) -> TextType | None:
        fits = (k for k in self._types if k.witness is None or k.witness in self._witnessed)
        return next(fits, None)


def _deciding(texts: pa.StringArray, types: Sequence[TextType]) -> int:
    """Return the position of the first text that, with those before it, excludes all `types`."""
    low, high = _first_valid(texts), len(texts)
    if all(kind.read(texts[low : low + 1]) is None for kind in types):
        return low
    while high - low > 1:
        middle = (low + high) // 2
        if any(kind.read(texts[:middle]) is not None for kind in types):
            low = middle
        else:
            high = middle
    return low


def _first_valid(texts: pa.StringArray) -> int:
    import pyarrow.compute as pc

    place: int = pc.index(pc.is_valid(texts), True).as_py()
    return place


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
    """Return all boolean words and null, and those that mean true."""
    import pyarrow as pa

    return pa.array([*_TRUE, *_FALSE, None], pa.string()), pa.array(_TRUE)


def read_integers(texts: pa.StringArray) -> pa.Int64Array | None:
    """Return 64-bit integers that format as `texts`."""
    import pyarrow as pa

    values = _cast(texts, pa.int64())
    if values is None or not values.cast(pa.string()).equals(texts):
        return None
    return values


def read_floats(
    texts: pa.StringArray, *, decimal_point: str = ".", style: _Style | None = None
) -> pa.DoubleArray | None:
    """Return doubles that represent the digits of `texts` exactly.

    At most 15 significant digits, or as many as the double prints. `nan`, `inf` and numbers that
    overflow or underflow are invalid. With a `style`, all must match it.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = _with_points(texts, decimal_point)
    if texts is None:
        return None
    is_plain = pc.match_substring_regex(texts, _PLAIN_NUMBER if style is None else style.plain)
    if style is not None and not _all(is_plain):
        is_written = pc.match_substring_regex(
            texts.filter(pc.invert(is_plain)), style.with_exponent
        )
        if not _all(is_written):
            return None
    values = _cast(texts, pa.float64())
    if values is None:
        return None
    is_safe = pc.and_(is_plain, pc.less_equal(pc.binary_length(texts), _SAFE_LENGTH))
    if not _all(is_safe):
        is_doubtful = pc.invert(is_safe)
        if not _are_exact(texts.filter(is_doubtful), values.filter(is_doubtful)):
            return None
    return values


def _with_points(texts: pa.StringArray, decimal_point: str) -> pa.StringArray | None:
    """Return numbers with a point as decimal separator; None where they contain points."""
    import pyarrow.compute as pc

    if decimal_point == ".":
        return texts
    return None if _any_holds(texts, ".") else pc.replace_substring(texts, decimal_point, ".")


def _read_fixed(
    texts: pa.StringArray, *, precision: int, scale: int, decimal_point: str
) -> pa.Array | None:
    """Return decimals with exactly `scale` decimals; a negative zero is invalid."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = _with_points(texts, decimal_point)
    if texts is None:
        return None
    more = f"{{0,{precision - scale - 1}}}"
    written = rf"^(?:-?[1-9][0-9]{more}\.[0-9]{{{scale}}}|-?0\.[0-9]{{{scale}}})$"
    if not _all(pc.match_substring_regex(texts, written)):
        return None
    is_small = pc.starts_with(texts, "-0")
    if pc.any(is_small).as_py() and _any_is_zero(texts.filter(is_small)):
        return None
    return texts.cast(pa.decimal128(precision, scale))


def _any_is_zero(texts: pa.StringArray) -> bool:
    """Return whether one of these numbers is zero."""
    import pyarrow.compute as pc

    return pc.any(pc.match_substring_regex(texts, "^[-0.]*$")).as_py() is True


def _read_decimals(
    texts: pa.StringArray, *, kind: pa.DataType, decimal_point: str
) -> pa.Array | None:
    """Return numbers as decimals of a type, losing only trailing zeros."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = _with_points(texts, decimal_point)
    if texts is None or not _all(pc.match_substring_regex(texts, _PLAIN_NUMBER)):
        return None
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        return None


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
    """Return timestamps in ISO 8601, all with an offset or all without.

    `name` is the type. Offsets are converted to UTC. Dates without a time are invalid, as are more
    fractional digits than the type has, and years without four digits.
    """
    import pyarrow.compute as pc

    shortest = pc.min(pc.binary_length(texts)).as_py()
    if shortest is not None and shortest < _SHORTEST_TIMESTAMP:
        return None
    values = _cast(texts, arrow_type(name))
    return values if values is not None and are_common_years(values) else None


def _read_formatted(texts: pa.StringArray, *, text: str) -> pa.Array | None:
    return moment_format(text).read(texts, is_guess=True)


def _cast(texts: pa.StringArray, kind: pa.DataType) -> pa.Array | None:
    import pyarrow as pa

    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        return None


def _all(flags: pa.BooleanArray) -> bool:
    import pyarrow.compute as pc

    return pc.all(flags).as_py() is not False
