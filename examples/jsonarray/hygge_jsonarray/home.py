"""JSON arrays as Arrow tables, every value exactly or as its text."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from hygge.connector import ReadRequest
from hygge.errors import HomeError
from hygge.files import DataFile, FileFacts, FileHome, FileSource, Piece

LARGEST_WHOLE_DOUBLE = 2**53
ROWS_IN_A_BATCH = 10_000


class Number(str):
    """A number with a fraction or an exponent, as the file writes it."""

    __slots__ = ()

    @property
    def is_double(self) -> bool:
        """Whether a double has all of its digits."""
        return Decimal(repr(float(self))) == Decimal(self)


class JsonArrayHome(FileHome):
    """A directory of files with one JSON array each."""

    def source(self, request: ReadRequest, files: Sequence[DataFile]) -> JsonArraySource:
        """Return the view on `files`; parses them to learn their columns."""
        return JsonArraySource(request, files)


class JsonArraySource(FileSource):
    """Files of one entity under one schema. `FileSource` makes splits, batches and errors."""

    def look(self, file: DataFile) -> FileFacts:
        """Return the columns of a file and the number of its rows."""
        table = table_of(file)
        return FileFacts(table.schema, table.num_rows)

    def unify(self) -> pa.Schema:
        """Return the columns of all files; an array without objects has none."""
        if not any(facts.rows for facts in self.facts):
            raise HomeError(
                f"{self.files[0]} has no columns: there is no object in its array",
                hint="leave the file out, or move it once it has rows",
            )
        return super().unify()

    def batches(self, piece: Piece) -> Generator[pa.RecordBatch]:
        """Yield the rows of a file in order."""
        yield from table_of(piece.file).to_batches(max_chunksize=ROWS_IN_A_BATCH)


def table_of(file: DataFile) -> pa.Table:
    """Return the rows of a file; raise `HomeError` naming the row that is no object."""
    with file.open() as raw:
        text = raw.read().decode("utf-8-sig")
    try:
        rows = json.loads(text, parse_float=Number, object_pairs_hook=unique)
    except ValueError as error:  # cut off, no JSON, or a key twice
        raise HomeError(f"{file}: {error}", hint="write the file again, as one array") from error
    if not isinstance(rows, list):
        raise HomeError(f"{file} holds no JSON array", hint="write [ before it and ] after it")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise HomeError(f"{file}, row {number:,}: {json_text(row)[:80]} is no object")
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: column([row.get(name) for row in rows]) for name in names})


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; raise `ValueError` for a key that it has twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {max(names, key=names.count)!r} is in one object twice")
    return found


def column(values: list[Any]) -> pa.Array:
    """Return values as the narrowest type that holds each exactly, and as text otherwise."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.nulls(len(values))
    if kinds == {bool} or kinds == {str}:
        return pa.array(values)
    if kinds == {int} and all(v is None or -(2**63) <= v < 2**63 for v in values):
        return pa.array(values, pa.int64())
    if kinds <= {int, float, Number} and all(v is None or is_double(v) for v in values):
        return pa.array([v if v is None else float(v) for v in values], pa.float64())
    return pa.array([v if v is None or type(v) is str else json_text(v) for v in values])


def is_double(value: int | float | Number) -> bool:
    """Return whether a double holds a number exactly."""
    if isinstance(value, int):
        return abs(value) <= LARGEST_WHOLE_DOUBLE
    return isinstance(value, float) or value.is_double


def json_text(value: Any) -> str:
    """Return a value as JSON, its numbers as the file writes them."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, list):
        return f"[{','.join(map(json_text, value))}]"
    if isinstance(value, dict):
        pairs = (f"{json.dumps(name)}:{json_text(one)}" for name, one in value.items())
        return f"{{{','.join(pairs)}}}"
    return json.dumps(value, ensure_ascii=False)
