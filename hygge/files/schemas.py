"""One schema over many files: columns by name, types widened only where every value is exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hygge.errors import HomeError
from hygge.unfit import repeated
from hygge.widening import wider

if TYPE_CHECKING:
    import pyarrow as pa


def unify(schemas: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
    """Return the schema that holds every row of `schemas`, each given with its file's path.

    Columns come in the order of first sight; one that a file lacks is nullable. Metadata stays
    where all files agree. Raises `HomeError` naming two files and the column when two types have
    no common one, and when names are ambiguous.
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
        _merge(fields, schema, path, is_first=path == schemas[0][0])
    _check_cases(fields, schemas)
    return pa.schema([field for field, _ in fields.values()], metadata=metadata or None)


def _merge(
    fields: dict[str, tuple[pa.Field, str]], schema: pa.Schema, path: str, *, is_first: bool
) -> None:
    for name in fields.keys() - set(schema.names):
        field, where = fields[name]
        fields[name] = (field.with_nullable(True), where)
    for field in schema:
        if field.name not in fields:
            fields[field.name] = (field if is_first else field.with_nullable(True), path)
            continue
        known, where = fields[field.name]
        both = wider(known.type, field.type)
        if both is None:
            raise HomeError(
                f"column '{field.name}' is {known.type} in {where} but {field.type} in {path}",
                hint="write it with one type in every file, or move the files as two entities",
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
            hint="rename the columns in the file, so that each name stands once",
        )


def _check_cases(
    fields: dict[str, tuple[pa.Field, str]], schemas: Sequence[tuple[str, pa.Schema]]
) -> None:
    by_case: dict[str, str] = {}
    for name, (_, path) in fields.items():
        other = by_case.setdefault(name.casefold(), name)
        if other != name and not any({other, name} <= set(s.names) for _, s in schemas):
            raise HomeError(
                f"column '{other}' of {fields[other][1]} is '{name}' in {path}",
                hint="spell it the same way in every file",
            )
