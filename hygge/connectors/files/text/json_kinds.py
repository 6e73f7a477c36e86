"""Kinds of JSON values in a place, and the Arrow type that holds them exactly."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

DEEPEST = 100
"""Maximum nesting of objects and lists in a line."""
CONSTANTS = ("NaN", "Infinity")
"""Numbers that JSON does not have, but Python and others write."""
_INT64 = range(-(2**63), 2**63)
_quoted = json.encoder.encode_basestring


class Number(str):
    """A number as written."""

    __slots__ = ()

    @property
    def is_whole(self) -> bool:
        """Whether it has neither point nor exponent."""
        return self.lstrip("-").isdigit()

    @property
    def is_exact(self) -> bool:
        """Whether the nearest double has the same digits; true for NaN and infinity."""
        if self.lstrip("-") in CONSTANTS:
            return True
        try:
            return Decimal(self) == Decimal(repr(float(self)))
        except ArithmeticError:  # an exponent too large for either
            return False


class NoJsonError(ValueError):
    """Invalid JSON."""


def parse(line: bytes) -> Any:  # noqa: ANN401
    """Return the value of a line, with numbers as `Number`; raise `ValueError` for invalid JSON.

    NaN and Infinity are numbers. Duplicate keys of an object, lone surrogates and more than
    `DEEPEST` levels are rejected.
    """
    try:
        value = json.loads(
            line.decode(),
            parse_int=Number,
            parse_float=Number,
            parse_constant=Number,
            object_pairs_hook=_object,
        )
        if line.count(b"[") + line.count(b"{") > DEEPEST:
            _check_depth(value, DEEPEST)
    except RecursionError as error:
        raise NoJsonError(f"nested deeper than {DEEPEST} levels") from error
    if b"\\u" in line:
        _check_surrogates(value)
    return value


def _check_depth(value: Any, left: int) -> None:  # noqa: ANN401
    if not left:
        raise NoJsonError(f"nested deeper than {DEEPEST} levels")
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _check_depth(inner, left - 1)


def _check_surrogates(value: Any) -> None:  # noqa: ANN401
    try:
        text_of(value).encode()
    except UnicodeEncodeError as error:
        raise NoJsonError("half of a surrogate pair is not a character") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise NoJsonError(f"duplicate key '{twice}' in an object")
    return found


def text_of(value: Any) -> str:  # noqa: ANN401
    """Return a value of `parse` as JSON, with numbers as they were written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(k)}:{text_of(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(text_of, value)) + "]"
    return json.dumps(value)


class ContradictionError(Exception):
    """A value is not of the known kind."""


@dataclass
class Kind:
    """The kinds of values seen in one place: a column, a field of a struct, the items of a list."""

    seen: set[str] = field(default_factory=set)
    """Of bool, string, object, list, whole, decimal, and what cannot be kept: `huge` (a whole
    number beyond 64 bits), `long` (one that a double does not hold), `inexact` (such a decimal)."""
    fields: dict[str, Kind] = field(default_factory=dict)
    items: Kind | None = None

    def learn(self, value: Any) -> None:  # noqa: ANN401
        """Add a value of `parse`."""
        if value is None:
            return
        if isinstance(value, dict):
            self.seen.add("object")
            for name, inner in value.items():
                self.fields.setdefault(name, Kind()).learn(inner)
        elif isinstance(value, list):
            self._learn_items(value)
        elif isinstance(value, Number):
            self._learn_number(value)
        else:
            self.seen.add("bool" if isinstance(value, bool) else "string")

    def _learn_items(self, values: Iterable[Any]) -> None:
        self.seen.add("list")
        self.items = self.items or Kind()
        for value in values:
            self.items.learn(value)

    def _learn_number(self, number: Number) -> None:
        if not number.is_whole:
            self.seen.add("decimal")
            if not number.is_exact:
                self.seen.add("inexact")
            return
        self.seen.add("whole")
        if len(number) > 15:
            whole = int(number)
            self.seen.update(["huge"] if whole not in _INT64 else [])
            self.seen.update(["long"] if not number.is_exact else [])

    def learn_type(self, kind: pa.DataType) -> None:
        """Add values that Arrow read as `kind`, all of them exact."""
        import pyarrow.types as is_

        if is_.is_struct(kind):
            self.seen.add("object")
            for inner in kind:
                self.fields.setdefault(inner.name, Kind()).learn_type(inner.type)
        elif is_.is_list(kind):
            self.seen.add("list")
            self.items = self.items or Kind()
            self.items.learn_type(kind.value_type)
        elif is_.is_integer(kind):
            self.seen.add("whole")
        elif is_.is_floating(kind):
            self.seen.add("decimal")
        elif is_.is_boolean(kind):
            self.seen.add("bool")
        elif not is_.is_null(kind):
            self.seen.add("string")

    def join(self, held: pa.DataType) -> None:
        """Widen to the store's type where that changes no value."""
        import pyarrow.types as is_

        is_string = is_.is_string(held) or is_.is_large_string(held) or is_.is_string_view(held)
        if is_string and self.seen:
            self.seen.add("string")
        elif is_.is_floating(held) and self.seen == {"whole"}:
            self.seen.add("decimal")
        elif is_.is_struct(held):
            for inner in held:
                if inner.name in self.fields:
                    self.fields[inner.name].join(inner.type)
        elif is_.is_list(held) and self.items is not None:
            self.items.join(held.value_type)

    @property
    def is_text(self) -> bool:
        """Whether only text holds all values, because kinds are mixed or numbers would change."""
        kinds = {"number" if k in ("whole", "decimal") else k for k in self.seen}
        kinds -= {"huge", "long", "inexact"}
        unfit = self.seen & {"huge", "inexact"} or {"long", "decimal"} <= self.seen
        is_bare = self.seen == {"object"} and not self.fields
        return len(kinds) > 1 or bool(unfit) or is_bare

    @property
    def has_texts(self) -> bool:
        """Whether a value in this place is read as text but is no string in the file."""
        inner = [*self.fields.values(), *([self.items] if self.items else [])]
        return self.is_text or any(kind.has_texts for kind in inner)

    @property
    def has_decimals(self) -> bool:
        """Whether a value in this place is a double."""
        inner = [*self.fields.values(), *([self.items] if self.items else [])]
        return "decimal" in self.seen or any(kind.has_decimals for kind in inner)

    def data_type(self) -> pa.DataType:
        """Return the type that holds every value seen."""
        import pyarrow as pa

        if self.is_text or "string" in self.seen:
            return pa.string()
        if "object" in self.seen:
            return pa.struct([(name, kind.data_type()) for name, kind in self.fields.items()])
        if self.items is not None:
            return pa.list_(self.items.data_type())
        if "decimal" in self.seen:
            return pa.float64()
        if "whole" in self.seen:
            return pa.int64()
        return pa.bool_() if "bool" in self.seen else pa.null()

    def fit(self, value: Any) -> Any:  # noqa: ANN401
        """Return `value` with text in the places that are text.

        Raises `ContradictionError` for a value of a kind not known here.
        """
        if value is None:
            return None
        if self.is_text:
            return value if type(value) is str else text_of(value)
        self._check(value)
        if isinstance(value, dict):
            return {name: self.fields[name].fit(inner) for name, inner in value.items()}
        if isinstance(value, list) and self.items is not None:
            return [self.items.fit(inner) for inner in value]
        return value

    def _check(self, value: Any) -> None:  # noqa: ANN401
        one = Kind()
        if isinstance(value, dict):
            one.seen.add("object")
        elif isinstance(value, list):
            one.seen.add("list")
        else:
            one.learn(value)
        is_known = one.seen <= self.seen
        if isinstance(value, dict):
            is_known = is_known and value.keys() <= self.fields.keys()
        if one.seen == {"whole"} and "decimal" in self.seen:
            is_known = True
        if one.seen == {"whole", "long"} and self.seen & {"whole"} and "decimal" not in self.seen:
            is_known = True
        if not is_known:
            raise ContradictionError(text_of(value)[:100])
