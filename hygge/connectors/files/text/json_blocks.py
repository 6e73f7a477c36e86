"""Lines of JSON objects, read into Arrow block by block, with errors by line and byte.

Arrow's parser reads a block at once. It would infer timestamps, round long numbers, accept two
objects in one line and crash on a bare `null`. So each block is scanned first; where the scan
cannot exclude such cases, Python's parser checks line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hygge.connectors.files.text.blocks import Block, count_lines
from hygge.connectors.files.text.encodings import encoding_hint
from hygge.connectors.files.text.inference import read_floats
from hygge.connectors.files.text.json_documents import JsonDocuments
from hygge.connectors.files.text.json_kinds import (
    DEEPEST,
    ContradictionError,
    Kind,
    NoJsonError,
    parse,
    text_of,
)
from hygge.errors import HomeError
from hygge.types.casting import exact_cast

if TYPE_CHECKING:
    import pyarrow as pa

_PARSED_BYTES = 2**20
_DIGITS = bytes(0x30 if chr(c) in "0123456789." else 0x20 for c in range(256))
_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]\n"))
_LONG = b"0" * 16
_HIGH_EXPONENT = r"[:,\[][ \t]*-?[0-9.]+[eE][-+]?[0-9]{3}"
"""A number that may overflow or underflow, but not the digits of a quoted UUID."""
_NUMBER = re.compile(rb"[0-9.]+(?:[eE][-+]?[0-9]+)?")
_CONSTANTS = (b"NaN", b"Inf")
"""Prefixes of non-JSON numbers; Arrow accepts more of them than Python."""
_WORD = re.compile(rb"[-+\w.]{1,20}")
_CONSTANT = re.compile(rb"[:,\[][ \t]*-?(?:NaN|Inf)")
_OTHER_KIND = re.compile(r"Column\(/(?P<name>.+?)(?:/\[\])*\) changed from (\w+) to (\w+)")
_MOST_KEYS = 20_000
"""Maximum columns of a row and of a column of objects."""
_MOST_SURELY_WHOLE = 1e15


@dataclass
class JsonReader:
    """Reads the objects of one text as rows."""

    blocks: JsonDocuments
    kind: Kind
    """Kinds of all columns; extended while learning, fixed while reading."""
    types: Mapping[str, pa.DataType] = field(default_factory=dict)
    """Declared types of columns."""

    def learn(self, limit: int | None = None) -> None:
        """Learn kinds from the next `limit` blocks, or from all remaining ones."""
        import pyarrow as pa

        for count, block in enumerate(self.blocks, 1):
            data = self._checked(block)
            try:
                table = self._parse(data, None) if data and not _may_be_wide(data) else None
            except pa.ArrowInvalid:
                table = None
            if table is not None and _is_exact(data, table):
                self.kind.learn_type(pa.struct(table.schema))
            else:
                self._learn_lines(block)
            if count == limit:
                return

    def tables(self) -> Iterator[pa.Table]:
        """Yield the rows block by block.

        Raises `HomeError` with line and byte for a line that is not a JSON object, and
        `ContradictionError` for a value of an unknown kind.
        """
        for block in self.blocks:
            data = self._checked(block)
            if data:
                yield self._read(block, data)

    def _read(self, block: Block, data: bytes) -> pa.Table:
        import pyarrow as pa

        if self._must_fit:
            data = self._fitted(block)
        try:
            table = self._parse_typed(data)
        except pa.ArrowInvalid as error:
            raise self._located(block, error) from error
        if self.kind.has_decimals and not self._must_fit and not _is_exact(data, table):
            self._fitted(block)
        return table

    @property
    def _must_fit(self) -> bool:
        """Whether values must be converted to text before Arrow reads them."""
        import pyarrow as pa

        texts = [self.kind.fields.get(n) for n, t in self.types.items() if t == pa.string()]
        return self.kind.has_texts or any(k and k.seen - {"string"} for k in texts)

    @cached_property
    def _schema(self) -> pa.Schema:
        """The schema for Arrow's parser."""
        import pyarrow as pa

        fields = {name: kind.data_type() for name, kind in self.kind.fields.items()} | dict(
            self.types
        )
        return pa.schema([(name, _parsed_type(kind)) for name, kind in fields.items()])

    def _parse_typed(self, data: bytes) -> pa.Table:
        import pyarrow as pa

        table = self._parse(data, self._schema)
        columns = list(table.columns)
        for place, (name, column) in enumerate(zip(table.column_names, columns, strict=True)):
            kind = self.types.get(name, column.type)
            if kind != column.type:
                chunks = [exact_cast(chunk, kind) for chunk in column.chunks]
                columns[place] = pa.chunked_array(chunks, kind)
        return pa.Table.from_arrays(columns, names=table.column_names)

    def _parse(self, data: bytes, schema: pa.Schema | None, *, at_once: bool = False) -> pa.Table:
        import pyarrow as pa
        from pyarrow import json

        try:
            table = json.read_json(
                pa.BufferReader(data),
                read_options=json.ReadOptions(
                    block_size=len(data) + 1 if at_once else _PARSED_BYTES,
                    use_threads=not at_once,
                ),
                parse_options=json.ParseOptions(
                    explicit_schema=schema,
                    unexpected_field_behavior="infer" if schema is None else "error",
                ),
            )
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            is_late_list = isinstance(error, pa.ArrowNotImplementedError)
            if at_once or not (is_late_list or "straddl" in str(error)):
                raise
            return self._parse(data, schema, at_once=True)
        lines = count_lines(data) + (not data.endswith(b"\n"))
        if len(table) != lines:
            raise pa.ArrowInvalid(f"{lines} lines hold {len(table)} objects")
        columns = [
            pa.chunked_array([_mended(chunk) for chunk in column.chunks], column.type)
            for column in table.columns
        ]
        return pa.Table.from_arrays(columns, schema=table.schema)

    def _checked(self, block: Block) -> bytes:
        """Return the non-blank lines of `block`, each checked to begin an object."""
        data = block.data
        try:
            data.decode()
        except UnicodeDecodeError as error:
            hint = encoding_hint(data, error.start)
            raise self._error(block, error.start, "invalid UTF-8", hint) from error
        lines = count_lines(data) + (not data.endswith(b"\n"))
        is_usual = data.count(b"\n{") + data.startswith(b"{") == lines
        doubtful = _deep_lines(data)
        is_plain = not any(word in data for word in _CONSTANTS) or not _CONSTANT.search(data)
        if is_usual and not doubtful and is_plain:
            return data
        kept = []
        for number, start, line in _lines(data):
            is_odd = number in doubtful or not line.startswith(b"{")
            if is_odd or (not is_plain and _CONSTANT.search(line)):
                self._value(block, start, line)
            kept.append(line)
        return b"\n".join(kept)

    def _value(self, block: Block, start: int, line: bytes) -> dict[str, Any]:
        try:
            value = parse(line)
        except NoJsonError as error:
            raise self._error(block, start, str(error)) from error
        except ValueError as error:
            before = line.decode()[: getattr(error, "pos", 0)].encode()
            found = _WORD.match(line, len(before))
            what = str(getattr(error, "msg", error)) + (
                f", not '{found[0].decode()}'" if found else ""
            )
            raise self._error(block, start + len(before), f"invalid JSON: {what}") from error
        if not isinstance(value, dict):
            raise self._error(block, start, "not a JSON object; each line must be one")
        return value

    def _learn_lines(self, block: Block) -> None:
        for _, start, line in _lines(block.data):
            value = self._value(block, start, line)
            self._check_width(block, start, value)
            self.kind.learn(value)

    def _check_width(self, block: Block, start: int, value: dict[str, Any]) -> None:
        """Raise `HomeError` for an object with more than `_MOST_KEYS` keys.

        Values that are declared as text may have any number of keys, which are removed here.
        """
        import pyarrow as pa

        if len(value) > _MOST_KEYS:
            raise self._error(
                block,
                start,
                f"an object of {len(value):,} keys; the maximum for a row is {_MOST_KEYS:,}",
                "if its keys are keys of rows, write one object for each row, for example with  "
                "jq -c 'to_entries[]'",
            )
        for name, inner in value.items():
            if isinstance(inner, dict) and self.types.get(name) == pa.string():
                value[name] = {}
            elif isinstance(inner, dict) and len(inner) > _MOST_KEYS:
                raise self._error(
                    block,
                    start,
                    f"column '{name}' contains an object of {len(inner):,} keys; the maximum is "
                    f"{_MOST_KEYS:,}",
                    f"move it as text: set  types: {{{name}: string}}  in the home",
                )

    def _fitted(self, block: Block) -> bytes:
        """Return the lines of `block` with values converted to text where the kinds require it."""
        import pyarrow as pa

        fitted = []
        for _, start, line in _lines(block.data):
            value = self._value(block, start, line)
            for name, inner in value.items():
                declared = self.types.get(name)
                if declared is None and name not in self.kind.fields:
                    raise ContradictionError(name)
                if declared is None:
                    value[name] = self.kind.fields[name].fit(inner)
                elif declared == pa.string() and inner is not None and type(inner) is not str:
                    value[name] = text_of(inner)
            fitted.append(text_of(value).encode())
        return b"\n".join(fitted)

    def _located(self, block: Block, problem: Exception) -> Exception:
        """Return the error for Arrow's `problem` with `block`."""
        import pyarrow as pa

        try:
            fitted = self._fitted(block)
        except (HomeError, ContradictionError) as error:
            return error
        places = [start for _, start, _ in _lines(block.data)]
        for start, line in zip(places, fitted.split(b"\n"), strict=True):
            try:
                self._parse_typed(line)
            except pa.ArrowInvalid as error:
                return self._misfit(block, start, str(error))
        return ContradictionError(str(problem))

    def _misfit(self, block: Block, start: int, problem: str) -> HomeError:
        """Return the error for a line with a value that is not of its declared type."""
        found = _OTHER_KIND.search(problem)
        kind = self.types.get(found["name"]) if found else None
        if found is None or kind is None:
            return self._error(block, start, problem.removesuffix(" in row 0"))
        name, wanted, is_ = found.groups()
        return self._error(
            block,
            start,
            f"column '{name}' is declared {kind}, which needs a JSON {wanted}, but this is a JSON "
            f"{is_}",
            "fix the line, or declare the column as string in `types` of the home and cast it in "
            f"the flow with  columns: {{{name}: {{type: …}}}}",
        )

    def _error(
        self, block: Block, start: int, what: str, hint: str = "fix the line in the file"
    ) -> HomeError:
        where = self.blocks.where(block.line_at(start), block.byte + start)
        return HomeError(f"{where}: {what}", hint=hint)


def _parsed_type(kind: pa.DataType) -> pa.DataType:
    """Return the type to request from Arrow's parser.

    Text for times and dates: it does not parse dates, and silently drops offsets of timestamps.
    """
    import pyarrow as pa

    if pa.types.is_list(kind):
        return pa.list_(_parsed_type(kind.value_type))
    return pa.string() if pa.types.is_temporal(kind) else kind


def _mended(array: pa.Array) -> pa.Array:
    """Return the parser's table with corrected lists that contain only nulls.

    It counts such a list's nulls too low (pyarrow 26): the values end before the list does.
    """
    import pyarrow as pa

    kind = array.type
    if pa.types.is_struct(kind):
        inner = [_mended(array.field(place)) for place in range(kind.num_fields)]
        buffers = array.buffers()[:1]
    elif pa.types.is_list(kind):
        is_empty = pa.types.is_null(kind.value_type)
        ends = array.offsets[-1].as_py()
        inner = [pa.nulls(ends) if is_empty else _mended(array.values)]
        buffers = array.buffers()[:2]
    else:
        return array
    return pa.Array.from_buffers(kind, len(array), buffers, array.null_count, children=inner)


def _lines(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the non-blank lines, stripped, each with its number from 0 and its offset."""
    start = 0
    for number, line in enumerate(data.split(b"\n")):
        if stripped := line.strip(b" \t\r"):
            yield number, start + line.index(stripped), stripped
        start += len(line) + 1


def _deep_lines(data: bytes) -> set[int]:
    """Return the numbers of lines that may be nested too deeply for Arrow, which would crash.

    Removes pairs of brackets, level by level; those in strings may remain.
    """
    left = data.translate(None, _NO_BRACKETS)
    for _ in range(DEEPEST // 2):
        before = len(left)
        left = left.replace(b"{}", b"").replace(b"[]", b"")
        if len(left) == before:
            break
    else:
        return {number for number, line in enumerate(left.split(b"\n")) if line}
    return {n for n, line in enumerate(left.split(b"\n")) if len(line) > DEEPEST // 2}


def _may_be_wide(data: bytes) -> bool:
    """Return whether a line of `data` may have very many keys."""
    return data.count(b'":') + data.count(b'" :') > _MOST_KEYS * max(count_lines(data), 1)


def _long_numbers(data: bytes) -> list[bytes]:
    """Return the numbers that may have more digits than a double preserves, without signs."""
    digits = data.translate(_DIGITS)
    found, place = [], 0
    while (place := digits.find(_LONG, place)) >= 0:
        match = _NUMBER.match(data, place)
        assert match is not None
        found.append(match[0])
        place = match.end()
    return found


def _is_exact(data: bytes, table: pa.Table) -> bool:
    """Return whether every number that was read as a double is surely exact."""
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = pa.array([data], pa.large_binary())
    if pc.match_substring_regex(whole, _HIGH_EXPONENT)[0].as_py():
        return False
    found = _long_numbers(data)
    decimals = [number for number in found if not number.isdigit()]
    if len(decimals) < len(found) and any(_has_large(column) for column in table.columns):
        return False
    return read_floats(pa.array(decimals, pa.binary()).cast(pa.string())) is not None


def _has_large(column: pa.ChunkedArray) -> bool:
    """Return whether a double in `column` may be a whole number of more than 15 digits."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_list(column.type):
        return _has_large(pc.list_flatten(column))
    if pa.types.is_struct(column.type):
        return any(_has_large(inner) for chunk in column.chunks for inner in _chunked(chunk))
    if not pa.types.is_floating(column.type):
        return False
    return pc.any(pc.greater_equal(pc.abs(column), _MOST_SURELY_WHOLE)).as_py() is True


def _chunked(array: pa.StructArray) -> list[pa.ChunkedArray]:
    import pyarrow as pa

    return [pa.chunked_array([inner]) for inner in array.flatten()]
