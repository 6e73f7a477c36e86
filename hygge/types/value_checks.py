"""Checks for values that no store may receive: invalid UTF-8, and values above the size limit.

Arrow validates only text that it creates, so files and drivers may return anything. Both checks are
cheap for valid data: ASCII is detected by one vectorized minimum, and a column smaller than the
limit has no larger value.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from hygge.errors import HomeError
from hygge.values.plurals import plural

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.values.requests import ReadRequest

_SHOWN_BYTES = 4


@dataclass(frozen=True, slots=True)
class Unsound:
    """A value that must not be staged."""

    column: str
    row: int
    """Its row in the batch, from 0."""
    problem: str
    """The problem, phrased to follow the column's name."""
    hint: str
    code: str

    def error(self, where: str) -> HomeError:
        """Return the error for this value; `place` describes its row."""
        return HomeError(
            f"{where}: column '{self.column}' {self.problem}", hint=self.hint, code=self.code
        )


def find_bad_text(batch: pa.RecordBatch, unproved: Collection[str] = ()) -> Unsound | None:
    """Return the first text that is not UTF-8, at any depth; None when all text is valid.

    `unproved` are columns that become binary, so any bytes are valid.
    """
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if _has_text(field.type) and field.name not in unproved and not _is_text(column):
            row = _first(column, lambda part: not _is_text(part))
            return Unsound(
                field.name,
                row,
                f"is not valid UTF-8 text: {_shown(column.slice(row, 1))}",
                "fix its encoding in the home, or move it as bytes with  "
                f"columns: {{{field.name}: {{type: binary}}}}",
                "HG575",
            )
    return None


def find_too_large(batch: pa.RecordBatch, limit: int) -> Unsound | None:
    """Return the first value of more than `limit` bytes; None when there is none."""
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if column.nbytes <= limit:
            continue
        row = _first_large(column, limit)
        if row is not None:
            return too_large(field.name, row, column.slice(row, 1).nbytes, limit)
    return None


def too_large(column: str, row: int, size: int, limit: int) -> Unsound:
    """Return the problem of a value of `size` bytes."""
    return Unsound(
        column,
        row,
        f"has a value of at least {plural(size, 'byte')}, more than max_value_bytes: {limit:,} "
        "allows",
        "exclude the column with  select, or raise  max_value_bytes  in the flow and memory_limit "
        "to about six times as much",
        "HG576",
    )


def proved(
    batches: Iterable[pa.RecordBatch], shown: str, request: ReadRequest, *, has_text: bool = True
) -> Iterator[pa.RecordBatch]:
    """Yield batches with valid values; raise `HomeError` with the row, counted from 1.

    `shown` names the entity or file of these rows. Without `has_text` all text is valid already.
    """
    row = 0
    for batch in batches:
        found = find_unsound(batch, request, has_text=has_text)
        if found is not None:
            raise found.error(f"row {row + found.row + 1:,} of {shown}")
        row += batch.num_rows
        yield batch


def find_unsound(batch: pa.RecordBatch, request: ReadRequest, *, has_text: bool) -> Unsound | None:
    """Return the first value that must not be staged for a request; None when there is none."""
    found = find_too_large(batch, request.max_value_bytes)
    if found is None and has_text:
        unproved = {name for name, kind in request.types.items() if kind == "binary"}
        found = find_bad_text(batch, unproved)
    return found


@lru_cache(maxsize=4096)
def _has_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return _has_text(kind.storage_type)
    is_ = pa.types
    if is_.is_string(kind) or is_.is_large_string(kind) or is_.is_string_view(kind):
        return True
    if is_.is_dictionary(kind) or is_.is_run_end_encoded(kind):
        return _has_text(kind.value_type)
    return any(_has_text(kind.field(n).type) for n in range(kind.num_fields))


def _is_text(array: pa.Array) -> bool:
    """Return whether all text of an array is UTF-8; of a slice only its own part is checked."""
    import pyarrow as pa

    kind, is_ = array.type, pa.types
    if isinstance(array, pa.ExtensionArray):
        return _is_text(array.storage)
    if not len(array) or not _has_text(kind):
        return True
    if is_.is_string(kind) or is_.is_large_string(kind):
        return _is_ascii(array) or _is_valid(array)
    if is_.is_dictionary(kind):
        return _is_text(array.dictionary) or _is_text(array.dictionary_decode())
    if is_.is_struct(kind):
        return all(map(_is_text, array.flatten()))
    if is_.is_map(kind):
        first, end = array.offsets[0].as_py(), array.offsets[len(array)].as_py()
        return _is_text(array.keys.slice(first, end - first)) and _is_text(
            array.items.slice(first, end - first)
        )
    if is_.is_list(kind) or is_.is_large_list(kind) or is_.is_fixed_size_list(kind):
        return _is_text(array.flatten())
    return _is_valid(array)


def _is_ascii(array: pa.Array) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    _, offsets, data = array.buffers()
    if data is None:
        return True
    kind = pa.int64() if pa.types.is_large_string(array.type) else pa.int32()
    ends = pa.Array.from_buffers(kind, len(array) + 1, [None, offsets], offset=array.offset)
    first, end = ends[0].as_py(), ends[len(array)].as_py()
    used = pa.Array.from_buffers(pa.int8(), end - first, [None, data.slice(first, end - first)])
    lowest = pc.min_max(used)["min"].as_py()
    return lowest is None or lowest >= 0


def _is_valid(array: pa.Array) -> bool:
    import pyarrow as pa

    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _first(column: pa.Array, is_wrong: Callable[[pa.Array], bool]) -> int:
    """Return the first bad row of a column, by bisection."""
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        if is_wrong(column.slice(low, middle - low)):
            high = middle
        else:
            low = middle
    return low


def _first_large(column: pa.Array, limit: int) -> int | None:
    """Return the first row of more than `limit` bytes; checks only slices that may have one."""
    todo = [(0, len(column))]
    while todo:
        first, count = todo.pop()
        if not count or column.slice(first, count).nbytes <= limit:
            continue
        if count == 1:
            return first
        half = count // 2
        todo += [(first + half, count - half), (first, half)]
    return None


def _shown(value: pa.Array) -> str:
    """Return the first invalid bytes, without the text around them."""
    import pyarrow as pa

    kind, is_ = value.type, pa.types
    if not (is_.is_string(kind) or is_.is_large_string(kind)):
        return f"inside of a {kind}"
    data = value.cast(pa.large_binary())[0].as_py()
    try:
        data.decode()
    except UnicodeDecodeError as error:
        bad = data[error.start : error.start + _SHOWN_BYTES]
        return f"byte {error.start + 1:,} of it begins {bad.hex(' ')}"
    return f"{plural(len(data), 'byte')} of it"
