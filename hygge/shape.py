"""What happens to a batch on its way: columns chosen, cast, renamed and added."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

from hygge.casting import exact_cast
from hygge.datatypes import arrow_type
from hygge.errors import FlowError
from hygge.settings import MoveSettings

if TYPE_CHECKING:
    import pyarrow as pa


_LONGEST_VALUE = 80


@dataclass(frozen=True, slots=True)
class _Column:
    source: str
    field: pa.Field


class Shape:
    """The columns of one move: where each comes from, its name and its type."""

    def __init__(
        self, settings: MoveSettings, offered: pa.Schema, *, run_id: str, loaded_at: datetime
    ) -> None:
        import pyarrow as pa

        self._columns = list(_columns(settings, offered))
        self._added = [
            _metadata_column(name, run_id, loaded_at) for name in settings.metadata_columns
        ]
        fields = [column.field for column in self._columns]
        fields += [field for field, _ in self._added]
        _check_names(fields)
        self.schema: pa.Schema = pa.schema(fields, metadata=offered.metadata)
        """What `apply` returns, before the schema contract has its say."""

    def apply(self, batch: pa.RecordBatch, schema: pa.Schema, first_row: int) -> pa.RecordBatch:
        """Return `batch` with exactly the columns of `schema`, missing ones filled with nulls.

        `first_row` is the number of the batch's first row in its split, for messages. Raises
        `FlowError` naming column, row and value where a cast would change a value.
        """
        import pyarrow as pa

        arrays: dict[str, pa.Array] = {
            column.field.name: batch.column(column.source) for column in self._columns
        }
        for field, value in self._added:
            arrays[field.name] = pa.repeat(value, batch.num_rows)
        columns = []
        for field in schema:
            array = arrays.get(field.name)
            if array is None:
                array = pa.nulls(batch.num_rows, field.type)
            columns.append(_cast(array, field, first_row))
        return pa.RecordBatch.from_arrays(columns, schema=schema)


def _columns(settings: MoveSettings, offered: pa.Schema) -> Iterator[_Column]:
    for name in list(settings.columns):
        _check_known(name, offered, "columns")
    for name in _selected(settings.select, offered):
        field = offered.field(name)
        wanted = settings.columns.get(name)
        if wanted is not None and wanted.type is not None:
            field = field.with_type(arrow_type(wanted.type))
        renamed = wanted.rename if wanted is not None else None
        yield _Column(name, field.with_name(renamed or _cased(name, settings.column_casing)))


def _selected(select: Sequence[str], offered: pa.Schema) -> list[str]:
    if not select:
        return list(offered.names)
    out = [name for name in select if name.startswith("-") and name not in offered.names]
    if out and len(out) < len(select):
        raise FlowError(
            "select both names columns to move and columns to leave out",
            hint='write either [id, email] or ["-internal_note"]',
            code="HG526",
        )
    for name in select:
        _check_known(name[1:] if out else name, offered, "select")
    if out:
        return [name for name in offered.names if f"-{name}" not in out]
    return list(select)


def _check_known(name: str, offered: pa.Schema, key: str) -> None:
    if name in offered.names:
        return
    near = get_close_matches(name, offered.names, n=1)
    guess = f"; did you mean '{near[0]}'?" if near else ""
    raise FlowError(
        f"{key} names a column that the home does not have: '{name}'{guess}",
        hint=f"columns of the home: {', '.join(offered.names)}",
        code="HG523",
    )


def _cased(name: str, casing: str) -> str:
    if casing == "snake":
        words = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3_\2\4", name)
        return re.sub(r"[^\w]+|_{2,}", "_", words).strip("_").lower() or name
    return {"lower": name.lower(), "upper": name.upper()}.get(casing, name)


def _check_names(fields: Sequence[pa.Field]) -> None:
    seen: set[str] = set()
    for field in fields:
        if field.name in seen:
            raise FlowError(
                f"two columns would be called '{field.name}' in the store",
                hint="rename one of them under columns, or leave one out with select",
                code="HG524",
            )
        seen.add(field.name)


def _metadata_column(name: str, run_id: str, loaded_at: datetime) -> tuple[pa.Field, pa.Scalar]:
    import pyarrow as pa

    if name == "loaded_at":
        kind = pa.timestamp("us", tz="UTC")
        return pa.field("_hygge_loaded_at", kind), pa.scalar(loaded_at, kind)
    return pa.field("_hygge_run_id", pa.string()), pa.scalar(run_id, pa.string())


def _cast(array: pa.Array, field: pa.Field, first_row: int) -> pa.Array:
    import pyarrow as pa

    if array.type.equals(field.type):
        return array
    try:
        return exact_cast(array, field.type)
    except pa.ArrowNotImplementedError as error:
        raise FlowError(
            f"column '{field.name}' cannot be cast from {array.type} to {field.type}",
            hint=f"choose another type in columns: {{{field.name}: {{type: …}}}}",
            code="HG525",
        ) from error
    except pa.ArrowInvalid as error:
        row = _first_refused(array, field.type)
        raise FlowError(
            f"column '{field.name}', row {first_row + row + 1}: {_shown(array, row)} "
            f"is not exact as {field.type}",
            hint=f"choose another type in columns: {{{field.name}: {{type: …}}}}",
            code="HG525",
        ) from error


def _shown(array: pa.Array, row: int) -> str:
    import pyarrow as pa

    try:
        text = repr(array[row].as_py())
    except (ValueError, OverflowError):
        # Python's own dates know neither nanoseconds nor the year 10000.
        text = str(array[row : row + 1].cast(pa.string())[0])
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _first_refused(array: pa.Array, kind: pa.DataType) -> int:
    import pyarrow as pa

    low, high = 0, len(array)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            exact_cast(array[low:middle], kind)
            low = middle
        except pa.ArrowInvalid:
            high = middle
    return low
