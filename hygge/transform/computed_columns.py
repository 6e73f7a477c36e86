"""Computed columns, conditions on rows, and masks; errors name the column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hygge.errors import BadRowError, FlowError
from hygge.settings.expressions import Expression, ExpressionError, parse
from hygge.settings.masks import Mask, masked
from hygge.settings.move import ColumnSettings, MoveSettings
from hygge.types.casting import exact_cast
from hygge.types.ordering import Order, order_of, type_of
from hygge.types.type_names import arrow_type

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Computed:
    """A column that the flow adds."""

    field: pa.Field
    needs: frozenset[str]
    """Columns of the home that it is computed from."""
    _value: object
    _expression: Expression | None
    _types: Mapping[str, pa.DataType] = field(default_factory=dict)
    """Types to which numbers in texts are cast first."""

    def values(self, batch: pa.RecordBatch) -> pa.Array:
        """Return its values for a batch of the home. Raises `FlowError`."""
        import pyarrow as pa

        if self._expression is None:
            return pa.repeat(pa.scalar(self._value, self.field.type), batch.num_rows)
        return _evaluated(self._expression, batch, self.field, self._types)


def computed_columns(settings: MoveSettings, offered: pa.Schema) -> Iterator[Computed]:
    """Yield the columns that a flow adds, with their types, in YAML order."""
    for name, wanted in settings.columns.items():
        if not wanted.is_added:
            continue
        _check_new(name, offered)
        yield _computed(name, wanted, settings, offered)


def _check_new(name: str, offered: pa.Schema) -> None:
    if name in offered.names:
        raise FlowError(
            f"columns adds '{name}', but the home already has a column of that name",
            hint="rename the new column, or exclude that of the home with select",
            code="HG524",
        )


def _computed(
    name: str, wanted: ColumnSettings, settings: MoveSettings, offered: pa.Schema
) -> Computed:
    import pyarrow as pa

    kind = arrow_type(wanted.type) if wanted.type else None
    if wanted.compute is None:
        try:
            kind = kind or pa.scalar(wanted.value).type
            pa.scalar(wanted.value, kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError, TypeError) as error:
            raise _wrong(
                name, f"its value cannot be represented exactly as {kind}: {error}"
            ) from error
        return Computed(pa.field(name, kind), frozenset(), wanted.value, None)
    expression = parse(wanted.compute)
    _check_columns(expression, f"column '{name}'", offered)
    hidden = [one for one in sorted(expression.columns) if _is_masked(one, settings)]
    if hidden:
        raise _wrong(name, f"it is computed from '{hidden[0]}', which is masked")
    types = _number_types(expression, settings, offered)
    empty = pa.RecordBatch.from_pylist([], schema=offered)
    field = pa.field(name, kind or pa.null())
    found = _evaluated(expression, empty, field, types, casts=False)
    return Computed(
        field.with_type(kind or found.type), expression.columns, None, expression, types
    )


def _number_types(
    expression: Expression, settings: MoveSettings, offered: pa.Schema
) -> dict[str, pa.DataType]:
    """Return the flow's types for columns of numbers in texts."""
    found = {}
    for name in expression.columns:
        wanted = settings.columns.get(name)
        if order_of(offered.field(name)) is Order.NUMBER and wanted is not None and wanted.type:
            found[name] = arrow_type(wanted.type)
    return found


def _is_masked(name: str, settings: MoveSettings) -> bool:
    wanted = settings.columns.get(name)
    return wanted is not None and wanted.mask is not None


def _evaluated(
    expression: Expression,
    batch: pa.RecordBatch,
    field: pa.Field,
    types: Mapping[str, pa.DataType],
    *,
    casts: bool = True,
) -> pa.Array:
    import pyarrow as pa

    texts = [
        name
        for name in sorted(expression.columns)
        if name not in types and order_of(batch.schema.field(name)) is Order.NUMBER
    ]
    try:
        for name, kind in types.items():
            place = batch.schema.get_field_index(name)
            batch = batch.set_column(place, name, exact_cast(batch.column(name), kind))
        found = expression.values(batch)
        return exact_cast(found, field.type) if casts else found
    except pa.ArrowException as error:
        wrong = _wrong(field.name, f"'{expression.text}': {_words(error)}")
        if texts and not batch.num_rows:
            raise _untyped(field.name, texts[0], batch.schema.field(texts[0])) from error
        if not batch.num_rows:
            raise wrong from error
        hint = wrong.hint or ""
        raise BadRowError.by(field.name, wrong.message, hint=hint, code=wrong.code) from error


def condition(text: str | None, offered: pa.Schema) -> Expression | None:
    """Return the condition of a flow whose home does not filter rows itself."""
    import pyarrow as pa

    if text is None:
        return None
    try:
        found = parse(text)
    except ExpressionError as error:
        raise _wrong_condition(text, str(error)) from error
    _check_columns(found, "where", offered)
    try:
        found.holds(pa.RecordBatch.from_pylist([], schema=offered))
    except pa.ArrowException as error:
        raise _wrong_condition(text, _words(error)) from error
    return found


def chosen_rows(batch: pa.RecordBatch, wanted: Expression) -> pa.RecordBatch:
    """Return the rows for which a condition is true."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        holds = wanted.holds(batch)
    except pa.ArrowException as error:
        raise _wrong_condition(wanted.text, _words(error)) from error
    return batch if pc.all(holds).as_py() else batch.filter(holds)


def mask_column(array: pa.Array, name: str, mask: Mask, salt: bytes | None) -> pa.Array:
    """Return a masked column; raise `FlowError`, which contains no values, when that fails."""
    import pyarrow as pa

    try:
        return masked(array, mask, salt)
    except (pa.ArrowException, ValueError, UnicodeError) as error:
        why = str(error) if isinstance(error, ValueError) and not salt else "it has no text"
        raise FlowError(
            f"column '{name}' ({array.type}) cannot be masked by {mask}: {why}",
            hint="mask it with  redact  or  null, or exclude it with  select",
            code="HG525",
        ) from None


def _check_columns(expression: Expression, what: str, offered: pa.Schema) -> None:
    from difflib import get_close_matches

    for name in sorted(expression.columns):
        if name not in offered.names:
            near = get_close_matches(name, offered.names, n=1)
            guess = f"; did you mean '{near[0]}'?" if near else ""
            raise FlowError(
                f"{what} refers to a column that the home does not have: '{name}'{guess}",
                hint=f"columns of the home: {', '.join(offered.names)}; put text in 'quotes'",
                code="HG523",
            )


def _words(error: Exception) -> str:
    return " ".join(str(error).split())


def _wrong(name: str, why: str) -> FlowError:
    return FlowError(
        f"column '{name}' cannot be added: {why}",
        hint="docs/flows.md describes expressions",
        code="HG525",
    )


def _untyped(name: str, column: str, field: pa.Field) -> FlowError:
    return FlowError(
        f"column '{name}' cannot be added: '{column}' is {type_of(field)} in the home, whose "
        "values are read as text",
        hint=f"give it a type with  columns: {{{column}: {{type: decimal(38,9)}}}}",
        code="HG525",
    )


def _wrong_condition(text: str, why: str) -> FlowError:
    return FlowError(
        f"where: '{text}': {why}",
        hint="hygge itself evaluates conditions for this home; docs/flows.md describes them",
        code="HG525",
    )
