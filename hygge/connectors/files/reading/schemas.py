"""The common schema of many files: columns by name, types widened only exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.errors import HomeError
from hygge.types.unfit import repeated
from hygge.types.widening import wider
from hygge.values.plurals import listed

if TYPE_CHECKING:
    import pyarrow as pa


def unify(
    schemas: Sequence[tuple[str, pa.Schema]],
    declared: Mapping[str, pa.DataType] | None = None,
    *,
    proves_values: bool = False,
) -> pa.Schema:
    """Return the common schema of `schemas`, each given with its file's path.

    Columns are in order of first occurrence; one that a file lacks is nullable. Metadata is kept
    where all files agree. Where types differ, the `declared` type is used; with `proves_values`
    also a type that holds most values of both, because each value is checked when it is cast.
    Raises `HomeError` with two files and the column when types have no common type, and when names
    are ambiguous.
    """
    import pyarrow as pa

    fields: dict[str, tuple[pa.Field, str]] = {}
    last: pa.Schema | None = None
    metadata = dict(schemas[0][1].metadata or {})
    for path, schema in schemas:
        if last is not None and schema.equals(last, check_metadata=True):
            continue
        last = schema
        _check_names(path, schema)
        metadata = dict(metadata.items() & (schema.metadata or {}).items())
        _merge(
            fields,
            schema,
            path,
            _Widening(declared or {}, proves_values),
            is_first=path == schemas[0][0],
        )
    _check_cases(fields, schemas)
    return pa.schema([field for field, _ in fields.values()], metadata=metadata or None)


@dataclass(frozen=True, slots=True)
class _Widening:
    declared: Mapping[str, pa.DataType]
    proves_values: bool

    def both(self, name: str, one: pa.DataType, two: pa.DataType) -> pa.DataType | None:
        """Return the common type of a column's types in two files; None without one."""
        import pyarrow as pa

        if one != two and name in self.declared:
            return self.declared[name]
        found = wider(one, two)
        if found is None and self.proves_values:
            kinds = sorted((one, two), key=pa.types.is_floating)
            is_number = pa.types.is_integer(kinds[0]) and pa.types.is_floating(kinds[1])
            return pa.float64() if is_number else None
        return found


def _merge(
    fields: dict[str, tuple[pa.Field, str]],
    schema: pa.Schema,
    path: str,
    widening: _Widening,
    *,
    is_first: bool,
) -> None:
    for name in fields.keys() - set(schema.names):
        field, where = fields[name]
        fields[name] = (field.with_nullable(True), where)
    for field in schema:
        if field.name not in fields:
            fields[field.name] = (field if is_first else field.with_nullable(True), path)
            continue
        known, where = fields[field.name]
        both = widening.both(field.name, known.type, field.type)
        if both is None:
            raise HomeError(
                f"column '{field.name}' is {known.type} in {where} but {field.type} in {path}",
                hint=f"set its type with  columns: {{{field.name}: {{type: …}}}}, or move the "
                "files as two entities",
            )
        nullable = known.nullable or field.nullable
        agreed = dict((known.metadata or {}).items() & (field.metadata or {}).items())
        known = known.with_type(both).with_nullable(nullable).remove_metadata()
        known = known.with_metadata(agreed) if agreed else known
        fields[field.name] = (known, where)


def _check_names(path: str, schema: pa.Schema) -> None:
    twice = repeated(schema.names)
    if twice:
        raise HomeError(
            f"{path} has more than one column '{twice[0]}'",
            hint="rename the columns in the file, so that names are unique",
        )


def _check_cases(
    fields: dict[str, tuple[pa.Field, str]], schemas: Sequence[tuple[str, pa.Schema]]
) -> None:
    by_case: dict[str, str] = {}
    for name, (_, path) in fields.items():
        other = by_case.setdefault(name.casefold(), name)
        if other != name and not any({other, name} <= set(s.names) for _, s in schemas):
            raise HomeError(
                f"column '{other}' of {fields[other][1]} has another spelling in {path}: '{name}'",
                hint="use the same spelling in every file",
            )


class Spelling:
    """Spelling of column names: as in the first file with the column.

    Case distinguishes columns only within one file.
    """

    def __init__(self) -> None:
        self._first: dict[str, str] = {}

    def of(self, names: Sequence[str]) -> list[str]:
        """Return the names of one file's columns in the entity's spelling."""
        folded = [name.casefold() for name in names]
        if len(set(folded)) < len(folded):
            return list(names)
        return [self._first.setdefault(low, name) for low, name in zip(folded, names, strict=True)]


def check_related(schemas: Sequence[tuple[str, pa.Schema]]) -> None:
    """Raise `HomeError` for a file without a common column with the first file."""
    first: tuple[str, frozenset[str]] | None = None
    last: pa.Schema | None = None
    for path, schema in schemas:
        if schema is last or not schema.names:
            continue
        last = schema
        if first is None:
            first = path, frozenset(schema.names)
        elif first[1].isdisjoint(schema.names):
            raise HomeError(
                f"{path} has no column in common with {first[0]}, so they are not one table: it "
                f"has {listed(schema.names)}, the other has {listed(sorted(first[1]))}",
                hint="add the header to the file, or move it as a separate entity",
                code="HG577",
            )
