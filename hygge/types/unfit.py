"""Errors for columns that a store cannot hold exactly, reported together."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from hygge.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa


class UnfitError(Exception):
    """A store cannot hold a type exactly; the message gives the reason without the column."""


def fit_schema(schema: pa.Schema, fit: Callable[[pa.Field], pa.Field], *, holder: str) -> pa.Schema:
    """Return `schema` with every field mapped by `fit`.

    `holder` names the store's containers in the plural: `*.parquet files`, `tables`. Raises
    `StoreError` for a schema without columns, for duplicate names, and for the columns for which
    `fit` raised `UnfitError`, all in one error.
    """
    import pyarrow as pa

    if not schema.names:
        raise StoreError(f"the rows have no columns, and {holder} need at least one")
    twice = repeated(schema.names)
    if twice:
        raise StoreError(
            f"two columns have the name '{twice[0]}', and {holder} need unique names",
            hint="rename one of them with  columns: {…: {rename: …}}",
        )
    fields, unfit = [], {}
    for field in schema:
        try:
            fields.append(fit(field))
        except UnfitError as error:
            unfit[field.name] = f"column '{field.name}' has the type {field.type}", str(error)
    if unfit:
        raise _refused(unfit, holder)
    return pa.schema(fields, schema.metadata)


def repeated(names: Iterable[str]) -> list[str]:
    """Return the duplicate names, sorted."""
    return sorted(name for name, count in Counter(names).items() if count > 1)


def _refused(columns: Mapping[str, tuple[str, str]], holder: str) -> StoreError:
    (what, why), *more = columns.values()
    out = json.dumps([f"-{name}" for name in columns], ensure_ascii=False)
    return StoreError(
        f"{what}, which {holder} cannot represent exactly: {why}"
        + "".join(f"; {w}: {y}" for w, y in more),
        hint=f"exclude it with  select: {out}, cast it with  columns: {{{next(iter(columns))}: "
        "{type: …}}, or use a store of another type",
        code="HG535",
    )
