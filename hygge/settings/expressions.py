"""A small language for conditions and computed columns, the same for every home.

    expression  or, and, not; = <> < <= > >=; is [not] null; [not] in (…); [not] between … and …
                + - * / and || for texts; ( … )
    values      1, 1.5, 'text' ('' is one quote), true, false, null, date '2026-01-31',
                timestamp '2026-01-31T12:00:00Z'
    columns     name, or "Name with blanks"
    functions   lower(x) upper(x) trim(x) length(x) abs(x) coalesce(x, y, …)

Nulls are as in SQL: a comparison with null is null, and a null condition is not true. Numbers never
overflow silently, and `/` of integers is never truncated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from math import isinf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_WORDS = frozenset(
    ("and", "or", "not", "is", "null", "in", "between", "true", "false", "date", "timestamp")
)
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?P<text>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")+")
    | (?P<name>[^\W\d]\w*)
    | (?P<sign><>|!=|<=|>=|\|\||[=<>+\-*/(),])
    )""",
    re.VERBOSE,
)
_DEEPEST = 50
_COMPARE = {"=": "equal", "<>": "not_equal", "!=": "not_equal", "<": "less", "<=": "less_equal"}
_COMPARE |= {">": "greater", ">=": "greater_equal"}
_CALCULATE = {"+": "add_checked", "-": "subtract_checked", "*": "multiply_checked"}


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression."""

    text: str
    columns: frozenset[str]
    """Names of the columns it uses."""
    _evaluate: Evaluate

    def values(self, batch: pa.RecordBatch) -> pa.Array:
        """Return one value for each row. Raises `pa.ArrowException` where the evaluation fails."""
        import pyarrow as pa

        found = self._evaluate(batch)
        if isinstance(found, pa.Scalar):
            return pa.repeat(found, batch.num_rows)
        return found

    def holds(self, batch: pa.RecordBatch) -> pa.Array:
        """Return a boolean array: where it is true. Raises `pa.ArrowException` for no condition."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = self.values(batch)
        if pa.types.is_null(found.type):
            return pa.repeat(False, batch.num_rows)
        if not pa.types.is_boolean(found.type):
            raise pa.ArrowInvalid(f"'{self.text}' is {found.type}, not true or false")
        return pc.fill_null(found, False)


@lru_cache(maxsize=1000)
def parse(text: str) -> Expression:
    """Parse an expression. Raises `ExpressionError`."""
    parser = _Parser(text)
    evaluate = parser.whole()
    return Expression(text, frozenset(parser.columns), evaluate)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    place: int

    @property
    def word(self) -> str:
        return self.text.lower() if self.kind == "name" else ""


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    end = len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            rest = text[place:].lstrip()
            raise ExpressionError(f"cannot be parsed at '{rest[:20]}'")
        kind = match.lastgroup or ""
        yield _Token(kind, match[kind], match.start(kind))
        place = match.end()
    yield _Token("end", "", end)


class _Parser:
    """A recursive descent parser; each method parses one level of precedence."""

    def __init__(self, text: str) -> None:
        self.columns: set[str] = set()
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0

    def whole(self) -> Evaluate:
        found = self._either()
        if self._next.kind != "end":
            raise self._expected("and, or, or the end")
        return found

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _takes(self, *texts: str) -> str:
        """Take the next token if it is one of these; return it, or an empty string."""
        token = self._next
        found = token.word or (token.text if token.kind == "sign" else "")
        if found not in texts:
            return ""
        self._at += 1
        return found

    def _need(self, text: str) -> None:
        if not self._takes(text):
            raise self._expected(f"'{text}'")

    def _expected(self, what: str) -> ExpressionError:
        token = self._next
        found = f"'{token.text}'" if token.text else "the end"
        return ExpressionError(f"expected {what}, found {found} (character {token.place + 1})")

    def _either(self) -> Evaluate:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionError("nested too deeply")
        found = self._joined("or", self._both, "or_kleene")
        self._depth -= 1
        return found

    def _both(self) -> Evaluate:
        return self._joined("and", self._inverse, "and_kleene")

    def _joined(self, word: str, part: Callable[[], Evaluate], kernel: str) -> Evaluate:
        parts = [part()]
        while self._takes(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else reduced(kernel, parts)

    def _inverse(self) -> Evaluate:
        count = 0
        while self._takes("not"):
            count += 1
        found = self._comparison()
        return called("invert", [found]) if count % 2 else found

    def _comparison(self) -> Evaluate:
        left = self._sum()
        if sign := self._takes(*_COMPARE):
            return compared(_COMPARE[sign], left, self._sum())
        if self._takes("is"):
            is_not = self._takes("not")
            self._need("null")
            return called("is_valid" if is_not else "is_null", [left])
        is_not = self._takes("not")
        if self._takes("in"):
            found = within(left, self._list())
        elif self._takes("between"):
            low = self._sum()
            self._need("and")
            ends = (("greater_equal", low), ("less_equal", self._sum()))
            pair = [compared(kernel, left, end) for kernel, end in ends]
            found = reduced("and_kleene", pair)
        elif is_not:
            raise self._expected("'in' or 'between'")
        else:
            return left
        return called("invert", [found]) if is_not else found

    def _sum(self) -> Evaluate:
        found = self._product()
        while sign := self._takes("+", "-", "||"):
            other = self._product()
            found = (
                glued(found, other) if sign == "||" else called(_CALCULATE[sign], [found, other])
            )
        return found

    def _product(self) -> Evaluate:
        found = self._signed()
        while sign := self._takes("*", "/"):
            other = self._signed()
            found = (
                divided(found, other) if sign == "/" else called(_CALCULATE[sign], [found, other])
            )
        return found

    def _signed(self) -> Evaluate:
        count = 0
        while self._takes("-"):
            count += 1
        found = self._value()
        return called("negate_checked", [found]) if count % 2 else found

    def _value(self) -> Evaluate:
        if self._takes("("):
            found = self._either()
            self._need(")")
            return found
        token = self._next
        if token.kind in ("number", "text"):
            return constant(_literal(self._take()))
        if token.kind == "quoted":
            return self._column(self._take().text[1:-1].replace('""', '"'))
        if token.kind != "name":
            raise self._expected("a value or a column")
        return self._named()

    def _named(self) -> Evaluate:
        word = self._next.word
        is_call = self._tokens[self._at + 1].text == "("
        if word in FUNCTIONS and is_call:
            self._take()
            return function(word, self._list())
        if is_call:
            raise self._expected(f"one of the functions {', '.join(FUNCTIONS)}")
        if word in ("true", "false", "null"):
            self._take()
            return constant({"true": True, "false": False, "null": None}[word])
        if word in ("date", "timestamp") and self._tokens[self._at + 1].kind == "text":
            self._take()
            return moment(word, _literal(self._take()))
        if word in _WORDS - {"date", "timestamp"}:
            raise self._expected("a value or a column")
        return self._column(self._take().text)

    def _column(self, name: str) -> Evaluate:
        self.columns.add(name)
        return lambda batch: batch.column(name)

    def _list(self) -> list[Evaluate]:
        self._need("(")
        found = [self._either()]
        while self._takes(","):
            found.append(self._either())
        self._need(")")
        return found


def _literal(token: _Token) -> object:
    from decimal import Decimal

    if token.kind == "text":
        return token.text[1:-1].replace("''", "'")
    if re.fullmatch(r"\d+", token.text):
        return int(token.text)
    return float(token.text) if "e" in token.text.lower() else Decimal(token.text)


__all__ = ["FUNCTIONS", "Expression", "ExpressionError", "parse"]


FUNCTIONS = ("abs", "coalesce", "length", "lower", "trim", "upper")


class ExpressionError(ValueError):
    """An invalid expression; the message gives the position and what was expected."""


Value = Any
"""An array or a scalar of pyarrow."""
Evaluate = Callable[["pa.RecordBatch"], Value]


def constant(value: object) -> Evaluate:
    """Return a constant expression. Raises `ExpressionError` for a number beyond 64 bits."""
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ExpressionError(f"{value} is too large; write it as {value}.0")
    if isinstance(value, float) and isinf(value):
        raise ExpressionError("a number is too large")

    def evaluate(_: pa.RecordBatch) -> Value:
        import pyarrow as pa

        return pa.scalar(value)

    return evaluate


def moment(word: str, text: object) -> Evaluate:
    """Return a date or timestamp literal. Raises `ExpressionError` for an invalid one."""
    import pyarrow as pa

    from hygge.types.watermarks import value_of

    zoned = pa.timestamp("us", "UTC")
    for kind in (pa.date32(),) if word == "date" else (pa.timestamp("us"), zoned):
        try:
            found = value_of(str(text), kind)
        except ValueError:
            continue
        return lambda _: found
    raise ExpressionError(f"'{text}' is not a {word}; write {word} '2026-01-31'")


def called(kernel: str, parts: Sequence[Evaluate]) -> Evaluate:
    """Return a call of an Arrow function."""

    def evaluate(batch: pa.RecordBatch) -> Value:
        import pyarrow.compute as pc

        return pc.call_function(kernel, [part(batch) for part in parts])

    return evaluate


def compared(kernel: str, one: Evaluate, other: Evaluate) -> Evaluate:
    """Return a comparison; a time without a zone is in UTC beside one with a zone."""

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
    """Return whether a value is a text literal, not a column."""
    import pyarrow as pa

    return isinstance(value, pa.StringScalar) and value.is_valid


def _ismoment(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def _read(text: Value, kind: pa.DataType) -> Value:
    import pyarrow as pa

    from hygge.types.watermarks import value_of

    try:
        return value_of(text.as_py(), kind)
    except ValueError as error:
        raise pa.ArrowInvalid(str(error)) from error


def reduced(kernel: str, parts: Sequence[Evaluate]) -> Evaluate:
    """Return a binary Arrow function applied from left to right."""

    def evaluate(batch: pa.RecordBatch) -> Value:
        import pyarrow.compute as pc

        found = (part(batch) for part in parts)
        return reduce(lambda one, other: pc.call_function(kernel, [one, other]), found)

    return evaluate


def within(value: Evaluate, choices: Sequence[Evaluate]) -> Evaluate:
    """Return an IN expression."""
    return reduced("or_kleene", [compared("equal", value, choice) for choice in choices])


def glued(one: Evaluate, other: Evaluate) -> Evaluate:
    """Return a concatenation of two texts; null when one is null."""

    def evaluate(batch: pa.RecordBatch) -> Value:
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = [part(batch).cast(pa.string()) for part in (one, other)]
        return pc.binary_join_element_wise(*texts, pa.scalar(""), null_handling="emit_null")

    return evaluate


def divided(one: Evaluate, other: Evaluate) -> Evaluate:
    """Return a quotient; of two integers a float."""

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
    """Return a call of a named function. Raises `ExpressionError` for too many arguments."""
    if name == "coalesce":
        return called("coalesce", parts)
    if len(parts) != 1:
        raise ExpressionError(f"{name} takes one argument, not {len(parts)}")
    return called(_KERNELS[name], parts)
