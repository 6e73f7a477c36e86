"""Dates and times in a custom format, such as `%d/%m/%Y`.

A format is parsed once. Texts are matched by a regular expression, rewritten in ISO 8601 and parsed
by Arrow strictly, so an invalid day or hour is rejected instead of rolling over, and no part of the
text is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator

from hygge.types.casting import exact_cast
from hygge.types.type_names import arrow_type

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["date", "time", "timestamp", "timestamp(us,UTC)"]

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _either(words: Sequence[str]) -> str:
    return f"(?i:{'|'.join(words)})"


def _short(words: Sequence[str]) -> list[str]:
    return [word[:3] for word in words]


_PARTS = {
    "Y": r"[0-9]{4}",
    "y": r"[0-9]{2}",
    "m": r"[0-9]{1,2}",
    "d": r"[0-9]{1,2}",
    "j": r"[0-9]{3}",
    "H": r"[0-9]{1,2}",
    "I": r"[0-9]{1,2}",
    "M": r"[0-9]{1,2}",
    "S": r"[0-9]{1,2}",
    "f": r"[0-9]{1,6}",
    "p": _either(["AM", "PM"]),
    "b": _either(_short(_MONTHS)),
    "B": _either(_MONTHS),
    "a": _either(_short(_DAYS)),
    "A": _either(_DAYS),
    "z": r"Z|[-+][0-9]{2}:?[0-9]{2}",
    "Z": r"UTC|GMT|Z",
    "s": r"-?[0-9]+",
}
"""Pattern of each directive."""
_SHORTHANDS = {
    "%e": "%d",
    "%h": "%b",
    "%T": "%H:%M:%S",
    "%R": "%H:%M",
    "%F": "%Y-%m-%d",
    "%D": "%m/%d/%y",
    "%r": "%I:%M:%S %p",
}
_PADDED = dict.fromkeys("mdHIMS", r"[0-9]{2}")
"""Patterns of directives beside digits, where fewer digits would be ambiguous."""
_WIDTHS = {"Y": 4, "y": 2, "j": 3, "b": 3, "a": 3, "p": 2, **dict.fromkeys(_PADDED, 2)}
"""Width of directives with a fixed number of characters."""
_DIGITS = frozenset("YymdjHIMSfs")
_NEEDS = {"S": "M", "f": "S", "I": "p", "p": "I", "j": "Y"}
"""Directives that require another one."""
_TWINS = ("Yy", "mbB", "HI", "zZ", "aA", "mj", "bj", "Bj", "dj")
"""Directives that are mutually exclusive."""
_FIRST_YEAR = "69"
"""Two-digit years are 1969 to 2068, as in POSIX."""
_EPOCH_DIGITS = r"[1-9][0-9]{8,9}"
"""Seconds since 1970 that are inferred as a time without a declared type: 1973 to 2286."""


@dataclass(frozen=True, slots=True)
class MomentFormat:
    """A format of dates, times of day or timestamps."""

    pieces: tuple[tuple[str, bool], ...]
    """Letters of directives (true) and the texts between them (false), in order."""
    kind: Kind
    """The type that its texts have."""

    @property
    def letters(self) -> frozenset[str]:
        """Return the letters of its directives."""
        return _letters(self.pieces)

    @property
    def is_told_from_numbers(self) -> bool:
        """Whether its texts can be distinguished from integers."""
        between = "".join(piece for piece, is_directive in self.pieces if not is_directive)
        is_number = self.letters <= _DIGITS and (not between or between.isdigit())
        return not is_number or self.letters >= {"Y", "m", "d"} or "s" in self.letters

    def pattern(self, *, is_guess: bool = False, is_padded: bool = False) -> str:
        """Return its texts as a regular expression with one group for each directive.

        With `is_guess` only plausible numbers match seconds since 1970; with `is_padded` numbers
        are padded with zeros.
        """
        parts = []
        for place, (piece, is_directive) in enumerate(self.pieces):
            if is_directive:
                written = self._written(place, is_guess=is_guess, is_padded=is_padded)
                parts.append(f"(?P<{piece}>{written})")
            else:
                parts.append(re.escape(piece))
        return f"^{''.join(parts)}$"

    def _written(self, place: int, *, is_guess: bool, is_padded: bool) -> str:
        letter = self.pieces[place][0]
        if letter == "s" and is_guess:
            return _EPOCH_DIGITS
        before = self.pieces[place - 1] if place else ("", False)
        after = self.pieces[place + 1] if place + 1 < len(self.pieces) else ("", False)
        touches = _is_digit(before, -1) or _is_digit(after, 0)
        is_padded = (is_padded or touches) and letter in _PADDED
        return _PADDED[letter] if is_padded else _PARTS[letter]

    def read(self, texts: pa.Array, *, is_guess: bool = False) -> pa.Array | None:
        """Return the values of `texts`, of type `kind`; None when one does not match."""
        import pyarrow as pa

        parts = self._sliced(texts) or self._extracted(texts, is_guess=is_guess)
        if parts is None:
            return None
        try:
            return parts.values(self.kind)
        except pa.ArrowInvalid:
            return None

    def _sliced(self, texts: pa.Array) -> _Parts | None:
        """Return the parts of texts of equal layout, by slicing, which is fast."""
        import pyarrow.compute as pc

        if not all(piece in _WIDTHS for piece, is_directive in self.pieces if is_directive):
            return None
        if pc.all(pc.match_substring_regex(texts, self.pattern(is_padded=True))).as_py() is False:
            return None
        found, start = {}, 0
        for piece, is_directive in self.pieces:
            width = _WIDTHS[piece] if is_directive else len(piece)
            if is_directive:
                found[piece] = pc.utf8_slice_codeunits(texts, start, start + width)
            start += width
        return _Parts(found)

    def _extracted(self, texts: pa.Array, *, is_guess: bool) -> _Parts | None:
        import pyarrow.compute as pc

        found = pc.extract_regex(texts, self.pattern(is_guess=is_guess))
        if found.null_count != texts.null_count:
            return None
        parts = {letter: pc.struct_field(found, letter) for letter in self.letters}
        for letter in _PADDED.keys() & parts.keys():
            parts[letter] = pc.utf8_lpad(parts[letter], 2, "0")
        return _Parts(parts)


def _is_digit(piece: tuple[str, bool], place: int) -> bool:
    """Return whether a directive or the adjacent text begins or ends with a digit."""
    text, is_directive = piece
    return text in _DIGITS if is_directive else text[place:][:1].isdigit()


@dataclass(frozen=True, slots=True)
class _Parts:
    """The texts of each directive, column by column."""

    texts: dict[str, pa.Array]

    def values(self, kind: Kind) -> pa.Array:
        """Return the values of the parts; raises `pa.ArrowInvalid` for invalid dates and times."""
        import pyarrow as pa

        if "s" in self.texts:
            return self._since_1970()
        if kind == "time":
            moments = _joined("1970-01-01", *self._clock()).cast(pa.timestamp("us"))
            return moments.cast(arrow_type(kind))
        self._check_weekday()
        if kind == "date":
            return _joined(*self._date()).cast(pa.date32())
        zone = self.texts.get("z", "Z") if kind == "timestamp(us,UTC)" else ""
        moments = _joined(*self._date(), *self._clock(), zone)
        return _common_years(moments.cast(arrow_type(kind)))

    def _since_1970(self) -> pa.Array:
        import pyarrow as pa

        texts = self.texts["s"]
        seconds = texts.cast(pa.int64())
        if not seconds.cast(pa.string()).equals(texts):
            raise pa.ArrowInvalid("a number with leading zeros")
        return _common_years(seconds.cast(pa.timestamp("s")).cast(pa.timestamp("us")))

    def _date(self) -> list[pa.Array | str]:
        import pyarrow as pa

        year = self._year()
        if "j" in self.texts:
            return [self._day_of(year).cast(pa.string())]
        return [year, "-", self._month(), "-", self.texts.get("d", "01")]

    def _day_of(self, year: pa.Array) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        first = _joined(year, "-01-01").cast(pa.date32())
        number = pc.subtract(self.texts["j"].cast(pa.int32()), pa.scalar(1, pa.int32()))
        days = pc.add(first.cast(pa.int32()), number).cast(pa.date32())
        if pc.all(pc.equal(pc.year(days), pc.year(first))).as_py() is False:
            raise pa.ArrowInvalid("the year has no such day")
        return days

    def _year(self) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        if "y" in self.texts:
            short = self.texts["y"]
            return _joined(pc.if_else(pc.greater_equal(short, _FIRST_YEAR), "19", "20"), short)
        year = self.texts["Y"]
        if pc.any(pc.equal(year, "0000")).as_py():
            raise pa.ArrowInvalid("the year 0 does not exist")
        return year

    def _month(self) -> pa.Array | str:
        import pyarrow as pa
        import pyarrow.compute as pc

        name = self.texts.get("b", self.texts.get("B"))
        if name is None:
            return self.texts.get("m", "01")
        number = pc.add(_place_of(name, _MONTHS), pa.scalar(1, pa.int32()))
        return pc.utf8_lpad(number.cast(pa.string()), 2, "0")

    def _clock(self) -> list[pa.Array | str]:
        hour = self._hour() if "I" in self.texts else self.texts.get("H", "00")
        minute, second = (self.texts.get(letter, "00") for letter in "MS")
        fraction = [".", self.texts["f"]] if "f" in self.texts else []
        return ["T", hour, ":", minute, ":", second, *fraction]

    def _hour(self) -> pa.Array:
        """Return the hour of the day from a 12-hour clock."""
        import pyarrow as pa
        import pyarrow.compute as pc

        hour = self.texts["I"].cast(pa.int32())
        if pc.all(pc.and_(pc.greater(hour, 0), pc.less(hour, 13))).as_py() is False:
            raise pa.ArrowInvalid("the hour does not exist in 12-hour time")
        is_late = pc.equal(pc.utf8_upper(self.texts["p"]), "PM")
        whole = pc.add(pc.if_else(pc.equal(hour, 12), 0, hour), pc.if_else(is_late, 12, 0))
        return pc.utf8_lpad(whole.cast(pa.string()), 2, "0")

    def _check_weekday(self) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        name = self.texts.get("a", self.texts.get("A"))
        if name is None:
            return
        days = _joined(*self._date()).cast(pa.date32())
        if pc.all(pc.equal(_place_of(name, _DAYS), pc.day_of_week(days))).as_py() is False:
            raise pa.ArrowInvalid("the weekday does not match the date")


def _joined(*parts: pa.Array | str) -> pa.Array:
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(*parts, "")


def _place_of(names: pa.Array, words: Sequence[str]) -> pa.Array:
    """Return the index of each name in `words`, by its first three letters."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.index_in(pc.utf8_slice_codeunits(pc.utf8_title(names), 0, 3), pa.array(_short(words)))


def _common_years(values: pa.TimestampArray) -> pa.TimestampArray:
    import pyarrow as pa

    if not are_common_years(values):
        raise pa.ArrowInvalid("a year with more than four digits")
    return values


def are_common_years(values: pa.TimestampArray) -> bool:
    """Return whether all timestamps are within the years 1 to 9999."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ends = pc.min_max(values.cast(pa.timestamp(values.type.unit)))
    low, high = (pc.year(ends[end]).as_py() for end in ("min", "max"))
    return low is None or (low >= 1 and high <= 9999)


@lru_cache(maxsize=256)
def moment_format(text: str) -> MomentFormat:
    """Return the format of `text`, which has `strptime` directives.

    Raises `ValueError` for a format that no text could match, or that leaves a part of a text
    unread or a value incomplete.
    """
    pieces = tuple(_pieces(text))
    letters = [piece for piece, is_directive in pieces if is_directive]
    if not letters:
        raise ValueError(f"'{text}' has no directive such as %d; write it as in %d/%m/%Y %H:%M:%S")
    for letter in letters:
        if letters.count(letter) > 1:
            raise ValueError(f"'{text}': duplicate %{letter}")
        if letter in _NEEDS and _NEEDS[letter] not in letters:
            raise ValueError(f"'{text}': %{letter} requires %{_NEEDS[letter]}")
    for twins in _TWINS:
        both = [f"%{letter}" for letter in letters if letter in twins]
        if len(both) > 1:
            raise ValueError(f"'{text}': {' and '.join(both)} have the same meaning; write one")
    return MomentFormat(pieces, _kind(text, frozenset(letters)))


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the directives of a format and what stands between them."""
    text = re.sub("%.", lambda found: _SHORTHANDS.get(found[0], found[0]), text)
    between = ""
    for piece in re.findall(r"%-?.|%$|[^%]+", text, re.DOTALL):
        if piece == "%%":
            between += "%"
        elif not piece.startswith("%"):
            between += piece
        elif (letter := piece[-1]) in _PARTS:
            if between:
                yield between, False
            between = ""
            yield letter, True
        else:
            raise ValueError(f"'{text}': unknown directive {piece}; known ones: {_known()}")
    if between:
        yield between, False


def _known() -> str:
    return " ".join([*(f"%{letter}" for letter in _PARTS), *_SHORTHANDS, "%%"])


def _kind(text: str, letters: frozenset[str]) -> Kind:
    zoned, clock = bool(letters & set("zZ")), bool(letters & set("HIMSfp"))
    if "s" in letters:
        if len(letters) > 1:
            raise ValueError(f"'{text}': %s is a complete timestamp and cannot be combined")
        return "timestamp"
    if clock and not letters & set("HI"):
        raise ValueError(f"'{text}': minutes and seconds require %H or %I")
    if not letters & set("Yy"):
        if letters - set("HIMSfp"):
            raise ValueError(f"'{text}': a date requires %Y or %y")
        return "time"
    if letters & set("daA") and not letters & set("mbB"):
        raise ValueError(f"'{text}': a day requires %m or %b")
    if clock and not letters & set("dj"):
        raise ValueError(f"'{text}': a time requires %d")
    if zoned and not clock:
        raise ValueError(f"'{text}': a zone requires %H")
    return "timestamp(us,UTC)" if zoned else "timestamp" if clock else "date"


def _letters(pieces: Sequence[tuple[str, bool]]) -> frozenset[str]:
    return frozenset(piece for piece, is_directive in pieces if is_directive)


def _check_format(text: str) -> str:
    moment_format(text)
    return text


FormatText = Annotated[str, AfterValidator(_check_format)]
"""A pydantic field with a format."""


def moments(texts: pa.Array, kind: pa.DataType, formats: Sequence[str]) -> pa.Array:
    """Return the dates or times of `texts` in one of `formats` or ISO 8601.

    A text is read by the first format that it matches. Raises `pa.ArrowInvalid` for a text that
    matches none, or that is not a valid value of type `kind`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pa.nulls(len(texts), kind)
    left = pc.is_valid(texts)
    for text in formats:
        one = moment_format(text)
        alike = pc.and_(left, pc.fill_null(pc.match_substring_regex(texts, one.pattern()), False))
        if pc.any(alike).as_py():
            values = one.read(texts.filter(alike))
            if values is None:
                raise pa.ArrowInvalid(f"not a valid time in the format {text}")
            found = pc.replace_with_mask(found, alike, exact_cast(values, kind))
            left = pc.and_not(left, alike)
    if pc.any(left).as_py():
        if pa.types.is_time(kind):
            values = exact_cast(texts.filter(left), kind)
        else:
            values = texts.filter(left).cast(kind)
        found = pc.replace_with_mask(found, left, values)
    return found
