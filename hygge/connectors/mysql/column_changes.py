"""Changes of an existing table's columns: those before the transaction, and those after it.

ALTER TABLE commits by itself and cannot be rolled back. Only changes that keep every value are made
before the rows are published; columns that no row needs are dropped after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.connectors.mysql.types import Column, shape, sql_type
from hygge.connectors.sql.table_names import TableName, quote
from hygge.connectors.sql.target import LiveColumn
from hygge.errors import StoreError
from hygge.types.widening import wider

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.sql.chain import Run

_LINE = re.compile(r"^  `((?:[^`]|``)+)` (.*?),?$", re.MULTILINE)
_TYPE = re.compile(r"[a-z0-9_]+(?:\((?:'(?:[^']|'')*'|[^')])*\))?")
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_OF_TYPE = re.compile(r" CHARACTER SET \w+| COLLATE \w+| unsigned| zerofill| COMMENT 'hygge: \w+'")


@dataclass(frozen=True, slots=True)
class ColumnChanges:
    """The columns of an existing table, and the clauses that make rows fit."""

    table: str
    """The table's name, quoted."""
    live: Sequence[LiveColumn]

    def gone(self, schema: pa.Schema, wrote: Callable[[str], bool]) -> list[str]:
        """Return the columns that a commit wrote and `schema` lacks."""
        names = [column.field.name for column in self.live if not column.fills_itself]
        return [name for name in names if name not in schema.names and wrote(name)]

    def lost(self, schema: pa.Schema) -> pa.Schema:
        """Return the columns of `schema` that the table lacks."""
        import pyarrow as pa

        live = {column.field.name for column in self.live}
        return pa.schema([field for field in schema if field.name not in live])

    def before(
        self,
        run: Run,
        schema: pa.Schema,
        gone: Sequence[str],
        *,
        required: Callable[[str], bool],
    ) -> list[str]:
        """Return the ALTER TABLE clauses that let the table take rows of `schema`.

        Columns that are `gone`, and those that a commit `required`, become nullable.
        Raises `StoreError` for a change of type that existing values would not survive.
        """
        live = {column.field.name: column for column in self.live}
        clauses = [
            f"ADD COLUMN {quote(field.name, '`')} {sql_type(field)} NULL"
            for field in schema
            if field.name not in live
        ]
        known = [field for field in schema if field.name in live]
        known += [live[name].field.with_nullable(True) for name in gone]
        freed = {
            field.name
            for field in known
            if field.nullable and not live[field.name].field.nullable and required(field.name)
        }
        changed = [f for f in known if f.name in freed or self._is_retyped(live[f.name], f)]
        if not changed:
            return clauses
        definitions = self._definitions(run)
        for field in changed:
            new = self._modified(field, live[field.name], definitions[field.name])
            if field.name in freed:
                new = new.replace(" NOT NULL", "", 1)
            clauses.append(f"MODIFY COLUMN {quote(field.name, '`')} {new}")
        return clauses

    def _is_retyped(self, column: LiveColumn, field: pa.Field) -> bool:
        return not column.field.type.equals(field.type) or column.type != sql_type(column.field)

    def _modified(self, field: pa.Field, column: LiveColumn, definition: str) -> str:
        if not self._is_retyped(column, field):
            return definition
        if wider(column.field.type, field.type) != field.type:
            raise self._not_in_place(column.field, field)
        return sql_type(field) + _OF_TYPE.sub("", _TYPE.sub("", definition, count=1))

    def _definitions(self, run: Run) -> dict[str, str]:
        """Return the declaration of each column, from SHOW CREATE TABLE."""
        text = run(f"SHOW CREATE TABLE {self.table}")[0][1]
        return {name.replace("``", "`"): rest for name, rest in _LINE.findall(text)}

    def _not_in_place(self, held: pa.Field, field: pa.Field) -> StoreError:
        return StoreError(
            f"column '{field.name}' of {self.table} is {held.type} and would have to become "
            f"{field.type}, which cannot be done in place without losing rows",
            hint=f"cast it with  columns: {{{field.name}: {{type: …}}}}, replace the table with  "
            "replace: swap  in the store, or drop the table",
            code="HG536",
        )


def check_fits(run: Run, place: TableName, columns: Sequence[Column], staging: str) -> None:
    """Raise `StoreError` for staged values that columns of the table would change silently.

    A null in an AUTO_INCREMENT or TIMESTAMP column becomes the next number, or now. CHAR drops
    trailing spaces. ENUM stores a text as the member that its collation finds equal; SET also
    reorders the members.
    """
    for column in columns:
        for condition, what in _silent_changes(column):
            if run(f"SELECT 1 FROM {staging} WHERE {condition} LIMIT 1"):
                raise StoreError(
                    f"column '{column.name}' of {place.shown()} would get {what}",
                    hint="change the column, or the rows by a query of the home",
                    code="HG535",
                )


def _silent_changes(column: Column) -> list[tuple[str, str]]:
    name = quote(column.name, "`")
    found = []
    if not column.nullable:
        found.append((f"{name} IS NULL", "nulls, which it does not allow"))
    base, inside, _ = shape(column.type)
    if base in ("enum", "set"):
        what = "a text that is not one of its values, or would become another one"
        found.append((_not_its_own(name, base, inside), what))
    if base == "char":
        found.append((f"{name} LIKE '% '", "trailing spaces, which CHAR drops"))
    return found


def _not_its_own(name: str, base: str, inside: str) -> str:
    """Return the condition that a text is not, byte for byte, a value of an ENUM or a SET."""
    text, own = f"CAST({name} AS BINARY)", _QUOTED.findall(inside)
    if base == "enum":
        return f"{text} NOT IN ({', '.join(f'CAST({one} AS BINARY)' for one in own)})"
    members = (f"IF(FIND_IN_SET(CAST({one} AS BINARY), {text}), {one}, NULL)" for one in own)
    return f"{text} <> CAST(CONCAT_WS(',', {', '.join(members)}) AS BINARY)"
