"""The shape of rows: columns are selected, cast, renamed and added."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

from hygge.errors import BadRowError, FlowError
from hygge.settings.masks import Mask, masked_type
from hygge.settings.move import Incremental, MoveSettings
from hygge.transform.computed_columns import chosen_rows, computed_columns, condition, mask_column
from hygge.transform.shape_changes import record_of
from hygge.types.casting import exact_cast
from hygge.types.type_names import arrow_type
from hygge.values.model import Mode
from hygge.values.requests import DELETED_AT

if TYPE_CHECKING:
    import pyarrow as pa


_LONGEST_VALUE = 80


@dataclass(frozen=True, slots=True)
class _Column:
    source: str
    field: pa.Field
    mask: Mask | None
    filled: _Filled | None
    """The reason why it must not be null."""


@dataclass(frozen=True, slots=True)
class _Filled:
    reason: str
    hint: str


_BY_KEY = _Filled(
    "it is part of primary_key", "fill it in the home, or choose other columns as primary_key"
)
_BY_FLOW = _Filled(
    "the flow declares nullable: false", "fill it in the home, or remove nullable: false"
)
_BY_HOME = _Filled(
    "the home declares it not null", "fix the home, or allow nulls with  nullable: true"
)
_BY_STORE = _Filled(
    "the store does not allow nulls",
    "fill it in the home, or allow nulls with  schema_contract: evolve",
)


class Shape:
    """The columns of one move: source, name and type."""

    def __init__(
        self,
        settings: MoveSettings,
        offered: pa.Schema,
        *,
        run_id: str,
        loaded_at: datetime,
        salt: bytes | None = None,
        filters: bool = False,
    ) -> None:
        import pyarrow as pa

        self._salt = salt
        self._columns = list(_columns(settings, offered))
        self._computed = list(computed_columns(settings, offered))
        self._condition = condition(settings.where, offered) if filters else None
        self._added = [
            _metadata_column(name, run_id, loaded_at) for name in settings.metadata_columns
        ]
        if settings.delete_missing == "soft":
            kind = pa.timestamp("us", tz="UTC")
            self._added.append((pa.field(DELETED_AT, kind), pa.scalar(None, kind)))
        fields = [column.field for column in self._columns]
        fields += [one.field for one in self._computed]
        fields += [field for field, _ in self._added]
        _check_names(fields)
        _check_key(settings, self._columns, offered)
        self._filled = {
            column.field.name: column.filled for column in self._columns if column.filled
        }
        self.schema: pa.Schema = pa.schema(fields, metadata=offered.metadata)
        """What `apply` returns, before the schema contract has its say."""
        self.moved = tuple(column.source for column in self._columns)
        """The columns of the home that are moved."""
        _check_dedupe(settings, self._columns, offered)
        needed = {name for one in self._computed for name in one.needs}
        needed |= self._condition.columns if self._condition else set()
        self.sources = (*self.moved, *sorted(needed - set(self.moved)))
        """The columns of the home that `chosen` and `apply` need."""
        self.left_out = frozenset(offered.names).difference(self.moved)
        """The columns of the home that the flow does not move."""
        self.record = record_of(
            settings,
            {column.field.name: column.source for column in self._columns},
            [field.name for field, _ in self._added if field.name != DELETED_AT],
            salt,
        )
        """How the rows are made, for the commit."""

    @property
    def hides(self) -> bool:
        """Whether a column is masked, so that raw lines must not be kept."""
        return any(column.mask is not None for column in self._columns)

    def chosen(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of a batch that meet the flow's condition, if any."""
        return batch if self._condition is None else chosen_rows(batch, self._condition)

    def masked(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the moved columns of a batch, by their names in the home, with masks applied."""
        import pyarrow as pa

        arrays = [self._masked(batch, column) for column in self._columns]
        return pa.RecordBatch.from_arrays(arrays, names=list(self.moved))

    def _masked(self, batch: pa.RecordBatch, column: _Column) -> pa.Array:
        array = batch.column(column.source)
        return (
            array
            if column.mask is None
            else mask_column(array, column.source, column.mask, self._salt)
        )

    def apply(self, batch: pa.RecordBatch, schema: pa.Schema, first_row: int) -> pa.RecordBatch:
        """Return `batch` with exactly the columns of `schema`, missing ones filled with nulls.

        `first_row` is the number of the batch's first row in its split, for messages. Raises
        `FlowError` that names column and row where a cast would change a value, or a null is not
        allowed.
        """
        import pyarrow as pa

        arrays: dict[str, pa.Array] = {
            column.field.name: self._masked(batch, column) for column in self._columns
        }
        for one in self._computed:
            arrays[one.field.name] = one.values(batch)
        for field, value in self._added:
            arrays[field.name] = pa.repeat(value, batch.num_rows)
        columns = []
        for field in schema:
            array = arrays.get(field.name)
            if array is None:
                array = pa.nulls(batch.num_rows, field.type)
            if filled := self._filled.get(field.name, None if field.nullable else _BY_STORE):
                _check_filled(array, field.name, filled, first_row)
            columns.append(_cast(array, field, first_row))
        return pa.RecordBatch.from_arrays(columns, schema=schema)


def _columns(settings: MoveSettings, offered: pa.Schema) -> Iterator[_Column]:
    for name, one in settings.columns.items():
        if not one.is_added:
            check_known(name, offered, "columns")
    for name in _selected(settings.select, offered):
        field = offered.field(name)
        wanted = settings.columns.get(name)
        mask = wanted.mask if wanted is not None else None
        if mask is not None:
            field = _with_type(field, masked_type(field.type, mask))
        if wanted is not None and wanted.type is not None:
            field = _with_type(field, arrow_type(wanted.type))
        filled = _filled(name, field, settings)
        field = field.with_name(stored_name(name, settings))
        yield _Column(name, _with_nullable(field, nullable=filled is None), mask, filled)


def _with_type(field: pa.Field, kind: pa.DataType) -> pa.Field:
    """Return `field` with another type, without the home's type name."""
    return field if field.type.equals(kind) else field.with_type(kind).remove_metadata()


def _with_nullable(field: pa.Field, *, nullable: bool) -> pa.Field:
    """Return `field` nullable or not; a field of type null is always nullable in Arrow."""
    import pyarrow as pa

    return field.with_nullable(nullable or pa.types.is_null(field.type))


def _filled(name: str, field: pa.Field, settings: MoveSettings) -> _Filled | None:
    """Return why a column must not be null."""
    wanted = settings.columns.get(name)
    nullable = wanted.nullable if wanted is not None else None
    if name in settings.primary_key:
        return _BY_KEY
    if nullable is None:
        return None if field.nullable else _BY_HOME
    return None if nullable else _BY_FLOW


def stored_name(name: str, settings: MoveSettings) -> str:
    """Return the name in the store of a column of the home."""
    wanted = settings.columns.get(name)
    renamed = wanted.rename if wanted is not None else None
    return renamed or _cased(name, settings.column_casing)


def stored_dedupe(settings: MoveSettings) -> tuple[str, ...]:
    """Return the names in the store of the columns by which a merge chooses among equal keys."""
    return tuple(stored_name(name, settings) for name in _dedupe(settings)[1])


def _dedupe(settings: MoveSettings) -> tuple[str, tuple[str, ...]]:
    """Return the setting that names these columns, and their names in the home."""
    if not settings.dedupe_by and isinstance(settings.incremental, Incremental):
        return "incremental", (settings.incremental.column,)
    return "dedupe_by", settings.dedupe_by


def stored_key(settings: MoveSettings) -> tuple[str, ...]:
    """Return the names in the store of the columns that identify a row."""
    return tuple(stored_name(name, settings) for name in settings.primary_key)


def stored_masks(settings: MoveSettings) -> tuple[str, ...]:
    """Return the names in the store of the columns that are masked."""
    masked = (name for name, column in settings.columns.items() if column.mask is not None)
    return tuple(stored_name(name, settings) for name in masked)


def _check_key(settings: MoveSettings, columns: Sequence[_Column], offered: pa.Schema) -> None:
    moved = {column.source: column.field.name for column in columns}
    for name in settings.primary_key:
        meant = next((source for source, stored in moved.items() if stored == name), None)
        if name not in moved and meant is not None:
            raise FlowError(
                f"primary_key has '{name}', the name in the store; in the home the column is "
                f"'{meant}'",
                hint=f"write  primary_key: {meant}",
                code="HG523",
            )
        check_known(name, offered, "primary_key")
        if name not in moved:
            raise FlowError(
                f"primary_key has a column that select excludes: '{name}'",
                hint=f"columns that select includes: {', '.join(moved)}",
                code="HG523",
            )


def _check_dedupe(settings: MoveSettings, columns: Sequence[_Column], offered: pa.Schema) -> None:
    key, names = _dedupe(settings)
    moved = {column.source: column.field.type for column in columns}
    for name in names if settings.mode is Mode.MERGE else ():
        check_known(name, offered, key)
        if name not in moved:
            raise FlowError(
                f"'{name}', which decides between rows with the same key, is not moved",
                hint="add it to select, or use other columns in  dedupe_by",
                code="HG523",
            )
        if not _has_order(moved[name]):
            raise FlowError(
                f"'{name}' cannot decide between rows with the same key: values of type "
                f"{moved[name]} have no order",
                hint="use other columns in  dedupe_by",
                code="HG523",
            )


def _has_order(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return not (pa.types.is_nested(kind) or pa.types.is_interval(kind))


def _selected(select: Sequence[str], offered: pa.Schema) -> list[str]:
    if not select:
        return list(offered.names)
    out = [name for name in select if name.startswith("-") and name not in offered.names]
    if out and len(out) < len(select):
        raise FlowError(
            "select both names columns to move and columns to exclude",
            hint='write either [id, email] or ["-internal_note"]',
            code="HG526",
        )
    for name in select:
        check_known(name[1:] if out else name, offered, "select")
    if out:
        return [name for name in offered.names if f"-{name}" not in out]
    return list(select)


def check_known(name: str, offered: pa.Schema, key: str) -> None:
    """Raise `FlowError` with the nearest name unless the home offers a column."""
    if offered.get_field_index(name) >= 0 or name in offered.names:
        return
    near = get_close_matches(name, offered.names, n=1)
    guess = f"; did you mean '{near[0]}'?" if near else ""
    raise FlowError(
        f"{key} refers to a column that the home does not have: '{name}'{guess}",
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
                f"two columns would have the name '{field.name}' in the store",
                hint="rename one of them under columns, or exclude one with select",
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
        raise BadRowError.by(
            field.name,
            f"column '{field.name}', row {first_row + row + 1}: {_shown(array, row)} cannot be "
            f"represented exactly as {field.type}",
            hint=f"choose another type in columns: {{{field.name}: {{type: …}}}}",
            code="HG525",
        ) from error


def _check_filled(array: pa.Array, name: str, filled: _Filled, first_row: int) -> None:
    row = _first_null(array)
    if row is not None:
        raise BadRowError.by(
            name,
            f"column '{name}', row {first_row + row + 1}: null, but {filled.reason}",
            hint=filled.hint,
            code="HG527",
        )


def _first_null(array: pa.Array) -> int | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    # For these types `null_count` counts nulls of the indices only, or none.
    is_coded = any(
        test(kind)
        for test in (pa.types.is_dictionary, pa.types.is_run_end_encoded, pa.types.is_union)
    )
    if array.null_count == 0 and not is_coded:
        return None
    row: int = pc.index(pc.is_null(array), True).as_py()
    return None if row < 0 else row


def _shown(array: pa.Array, row: int) -> str:
    import pyarrow as pa

    try:
        text = repr(array[row].as_py())
    except (ValueError, OverflowError):
        # Python's dates support neither nanoseconds nor the year 10000.
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
