"""Columns of a table that is there: what is changed before the transaction, and what only after.

A change of a table commits by itself and cannot be taken back. So before the rows are published
only such are made that leave every value as it is, and after that those that no row needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.errors import StoreError
from hygge.sql.maria.types import sql_type
from hygge.sql.names import quote
from hygge.sql.target import LiveColumn
from hygge.widening import wider

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.sql.chain import Run

_LINE = re.compile(r"^  `((?:[^`]|``)+)` (.*?),?$", re.MULTILINE)
_TYPE = re.compile(r"[a-z0-9_]+(?:\((?:'(?:[^']|'')*'|[^')])*\))?")
_OF_TYPE = re.compile(r" CHARACTER SET \w+| COLLATE \w+| unsigned| zerofill| COMMENT 'hygge: \w+'")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table as they are, and how to make them fit."""

    table: str
    """The table's name, quoted."""
    live: Sequence[LiveColumn]

    def before(self, run: Run, schema: pa.Schema, gone: Sequence[str]) -> list[str]:
        """Return clauses of ALTER TABLE by which the table can take rows of `schema`.

        Columns that are `gone` may be null from now on. Raises `StoreError` for a change of type
        that values which are there would not survive.
        """
        live = {column.field.name: column for column in self.live}
        clauses = [
            f"ADD COLUMN {quote(field.name, '`')} {sql_type(field)} NULL"
            for field in schema
            if field.name not in live
        ]
        known = [field for field in schema if field.name in live]
        known += [live[name].field.with_nullable(True) for name in gone]
        changed = [field for field in known if self._differs(live[field.name], field)]
        if changed:
            definitions = self._definitions(run)
            clauses += [
                f"MODIFY COLUMN {quote(field.name, '`')} {new}"
                for field, new in self._modified(changed, live, definitions)
            ]
        return clauses

    def _differs(self, column: LiveColumn, field: pa.Field) -> bool:
        is_freed = field.nullable and not column.field.nullable and not column.fills_itself
        return is_freed or self._is_retyped(column, field)

    def _is_retyped(self, column: LiveColumn, field: pa.Field) -> bool:
        return not column.field.type.equals(field.type) or column.type != sql_type(column.field)

    def _modified(
        self,
        fields: Sequence[pa.Field],
        live: dict[str, LiveColumn],
        definitions: dict[str, str],
    ) -> Iterator[tuple[pa.Field, str]]:
        for field in fields:
            column = live[field.name]
            definition = definitions[field.name]
            if self._is_retyped(column, field):
                if wider(column.field.type, field.type) != field.type:
                    raise self._not_in_place(column.field, field)
                rest = _TYPE.sub("", definition, count=1)
                definition = sql_type(field) + _OF_TYPE.sub("", rest)
            if field.nullable and not column.fills_itself:
                definition = definition.replace(" NOT NULL", "", 1)
            yield field, definition

    def _definitions(self, run: Run) -> dict[str, str]:
        """Return how each column is declared, as the server itself writes it."""
        text = run(f"SHOW CREATE TABLE {self.table}")[0][1]
        return {name.replace("``", "`"): rest for name, rest in _LINE.findall(text)}

    def _not_in_place(self, held: pa.Field, field: pa.Field) -> StoreError:
        return StoreError(
            f"column '{field.name}' of {self.table} is {held.type} and would have to become "
            f"{field.type}; that cannot be done in place without a moment in which rows are lost",
            hint=f"cast it with  columns: {{{field.name}: {{type: …}}}}, let a new table take its "
            "place with  replace: swap  in the store, or drop the table",
            code="HG536",
        )
