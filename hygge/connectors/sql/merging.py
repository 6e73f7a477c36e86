"""A merge into a table: staged rows update those of the same key, the others are added.

    settle    before the transaction: no null in a key, and one staged row for each key
    merge     in it: missing rows are deleted or marked, then an update, then an insert

Rows are never deleted and inserted again: foreign keys, triggers and columns that hygge does not
know would be affected. The updated and the added rows must add up to all staged keys, or nothing is
published.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from hygge.connectors.sql.row_counts import check_counted, check_gone
from hygge.connectors.sql.target import SqlTarget
from hygge.errors import StoreError
from hygge.values.model import Changes, Commit, Mode, Part, Span
from hygge.values.plurals import plural
from hygge.values.requests import DELETED_AT, MOST_MISSING

if TYPE_CHECKING:
    import pyarrow as pa


class MergingTarget(SqlTarget):
    """A table into which rows can be merged, and whose staged rows can be queried."""

    row_id: ClassVar[str] = "ctid"
    """The database's row id column."""
    holds_nan: ClassVar[bool] = True

    kept: frozenset[str] = frozenset()
    """Columns staged as null because the home no longer has them; a merge leaves them unchanged."""
    _keys_staged: int | None = None
    """Number of staged keys, known once there is one row of each."""
    _settled: str = ""
    """Name of the table with one row of each staged key."""

    # Implemented by each database

    def staged_rows(self) -> str:
        """Return the FROM item of the staged rows, with their types."""
        return self.name(self.staging)

    def staged_tables(self) -> list[str]:
        """Return the tables of staged rows; of a merge, one row for each key."""
        is_merge = self.request.mode is Mode.MERGE
        return [self.staged_rows()] if is_merge else super().staged_tables()

    def gather(self, schema: pa.Schema) -> str:
        """Collect all staged rows in one table, indexed by key; return its name."""
        return self.staged_rows()

    def content(self, field: pa.Field, column: str) -> str:
        """Return an expression that `min` accepts, injective on the values of a column."""
        return column

    def group_terms(self, names: Iterable[str], of: str = "") -> str:
        """Return GROUP BY terms under which no two different values of staged columns are equal.

        `of` is the prefix of each name, such as `s.`.
        """
        return self.select_terms(names, of)

    def select_terms(self, names: Iterable[str], of: str = "") -> str:
        """Return columns of staged rows as a SELECT list beside `GROUP BY group_terms(…)`."""
        return ", ".join(of + self.quote(name) for name in names)

    def ordered(self, field: pa.Field, column: str) -> str:
        """Return an expression ordered like the values of a column; texts by their bytes."""
        return column

    def same(self, field: pa.Field) -> str:
        """Return the condition that rows of the table, `t`, and staged, `s`, have equal keys.

        Values must be compared exactly, and the condition must be able to use an index of the
        table.
        """
        name = self.quote(field.name)
        return f"t.{name} = s.{name}"

    def ranged(self, field: pa.Field) -> str:
        """Return the expression of a column of `t` that is compared with the ends of a range."""
        return self.ordered(field, f"t.{self.quote(field.name)}")

    def typed_parameter(self, value: pa.Scalar, field: pa.Field, number: int) -> tuple[str, Any]:
        """Return the SQL of parameter `number`, cast to a column's type, and the value to bind."""
        import pyarrow as pa

        text = value.cast(field.type).cast(pa.string()).as_py()
        return f"CAST({self.chain.numbered(number)} AS {self.sql_type(field)})", text

    def update(self, names: Sequence[str], staged: str, on: str) -> int:
        """Update rows of the table from the staged rows; return how many there are."""
        sets = ", ".join(f"{self.quote(name)} = s.{self.quote(name)}" for name in names)
        return self.change(f"UPDATE {self.table} AS t SET {sets} FROM {staged} AS s WHERE {on}")

    def add(self, names: Sequence[str], staged: str, on: str) -> int:
        """Insert the staged rows whose key the table lacks, after the update; return how many."""
        columns = ", ".join(f"s.{self.quote(name)}" for name in names)
        return self.change(
            f"INSERT INTO {self.table} ({self._list(names)}) SELECT {columns} FROM {staged} AS s "
            f"WHERE NOT EXISTS (SELECT 1 FROM {self.table} AS t WHERE {on})"
        )

    def matched(self, staged: str, on: str) -> int:
        """Return how many rows of the table have a staged key."""
        return self.count(
            f"{self.table} AS t WHERE EXISTS (SELECT 1 FROM {staged} AS s WHERE {on})"
        )

    def thin(self, staged: str, ranking: str) -> None:
        """Delete all staged rows but the first of each key."""
        ranked = f"SELECT {self.row_id} AS place, {ranking} AS number FROM {staged}"
        losers = f"SELECT place FROM ({ranked}) AS r WHERE number > 1"
        self.run(f"DELETE FROM {staged} WHERE {self.row_id} IN ({losers})")

    @contextmanager
    def reading(self, query: str) -> Iterator[object]:
        """Make the database read-only for what runs inside, such as `query`."""
        self.run("START TRANSACTION READ ONLY")
        try:
            yield None
        finally:
            self.run("ROLLBACK")

    def some(self, rest: str, most: int) -> list[tuple[Any, ...]]:
        """Return at most `limit` rows of SELECT * FROM `rest`.

        The limit is a parameter, so only a single statement is accepted.
        """
        return self.run(f"SELECT * FROM {rest} LIMIT {self.chain.numbered(1)}", (most,))

    # The contract of `Target`

    @property
    def sees_changes(self) -> bool:  # type: ignore[override]
        """Whether undo detects rows that others changed; see `Target.sees_changes`."""
        return self.keeping.sees_changes

    def previous(self) -> Commit | None:
        """Return the commit before the newest one that was not reverted."""
        return self.keeping.previous()

    def undo(self, commit: Commit) -> None:
        """Publish the previous rows in one transaction with the commit; see `Target.undo`."""
        with self.transaction():
            self.chain.check_next(self.run, commit.seq)
            self.chain.add(self.run, self.keeping.bring_back(commit), self.request.attempt)
        self.is_published = True

    def keep_columns(self, columns: Sequence[str]) -> None:
        """Note the columns that an update leaves unchanged; see `Target.keep_columns`."""
        self.kept = frozenset(columns)

    def duplicate(self, columns: Sequence[str]) -> dict[str, Any] | None:
        """Return values that several staged rows share; see `Target.duplicate`."""
        known = " AND ".join(f"{self.quote(name)} IS NOT NULL" for name in columns)
        grouped = f"GROUP BY {self.group_terms(columns)} HAVING count(*) > 1"
        groups = f"{self.staged_rows()} WHERE {known} {grouped}"
        found = self.first(self.select_terms(columns), groups)
        return dict(zip(columns, found[0], strict=True)) if found else None

    def ask(self, sql: str, most: int) -> tuple[int, list[tuple[Any, ...]]]:
        """Return the rows of a read-only query on `{staged}`; see `Target.ask`."""
        query = sql.strip().rstrip(";").replace("{staged}", self.staged_rows())
        try:
            with self.reading(query):
                return self._found(f"(\n{query}\n) AS asked", most)
        except StoreError as error:
            raise StoreError(
                f"a check by sql failed to run: {error.message}; nothing was published\n  {sql}",
                hint="write one query (SELECT …) that only reads and finds the rows that fail the "
                "check",
                code="HG528",
            ) from error

    def _found(self, asked: str, most: int) -> tuple[int, list[tuple[Any, ...]]]:
        rows = self.some(asked, most + 1)
        if len(rows) <= most:
            return len(rows), rows
        return self.count(asked), rows[:most]

    def prepare(self, parts: Sequence[Part], commit: Commit) -> pa.Schema:
        """Return the schema of the staged rows; a merge first leaves one row of each key."""
        schema = super().prepare(parts, commit)
        if self.request.clears is not None:
            self.keeping.cleared = self._in_range(self.request.clears, schema)
        if self.request.mode is Mode.MERGE:
            self._settle(schema, commit.rows)
        return schema

    def rows_staged(self, commit: Commit) -> int:
        """Return the number of rows of the table that was the staging table."""
        return commit.rows if self._keys_staged is None else self._keys_staged

    def add_staged(self, commit: Commit, schema: pa.Schema) -> int:
        """Add the staged rows to the existing table; return its number of rows then."""
        if self.request.mode is Mode.MERGE:
            self._merge(commit, schema)
            return self.count(self.table)
        if self.request.clears is None:
            return super().add_staged(commit, schema)
        if self.keeping.cleared is not None:
            where, values = self.keeping.cleared
            rows = self.count(f"{self.table} AS t WHERE {where}", values)
            gone = self.change(self.deleting(where), values)
            check_gone(gone, rows, self.place.shown(), "deleted")
        self.insert_staged(commit, schema)
        return self.count(self.table)

    # One row of each key

    def _settle(self, schema: pa.Schema, rows: int) -> None:
        """Keep the winning row of each staged key; raise `StoreError` where there is a tie."""
        keys = self.request.primary_key
        self._settled = staged = self.gather(schema)
        self._check_keys_filled(staged)
        groups = f"SELECT 1 AS one FROM {staged} GROUP BY {self.group_terms(keys)}"
        self._keys_staged = self.count(f"({groups}) AS g")
        self.changes = Changes(self._keys_staged, 0, 0)
        check_counted(rows, self.count(staged), self.place.shown())
        if self._keys_staged == rows:
            return
        over = f"OVER (PARTITION BY {self.group_terms(keys)} ORDER BY {self._order(schema)})"
        self._check_ties(schema, f"(SELECT d.*, rank() {over} AS _hygge_rank FROM {staged} AS d)")
        self.thin(staged, f"row_number() {over}")

    def _check_keys_filled(self, staged: str) -> None:
        for name in self.request.primary_key:
            if self.first("1", f"{staged} WHERE {self.quote(name)} IS NULL"):
                raise StoreError(
                    f"column '{name}' is part of the key of {self.place.shown()}, but is null in "
                    "a row",
                    hint="exclude such rows, or choose another primary_key",
                    code="HG527",
                )

    def _order(self, schema: pa.Schema) -> str:
        """Return ORDER BY terms that put the winning row first: numbers, then NaN, then nulls."""
        terms: list[str] = []
        for name in self.request.dedupe_by:
            terms += self.highest_first(schema.field(name), self.quote(name))
        return ", ".join(terms) or self._list(self.request.primary_key)

    def highest_first(self, field: pa.Field, column: str) -> list[str]:
        """Return the terms of ORDER BY that put the highest value of a column first."""
        import pyarrow as pa

        terms = [f"CASE WHEN {column} IS NULL THEN 1 ELSE 0 END"]
        if self.holds_nan and pa.types.is_floating(field.type):
            nan = f"CAST('NaN' AS {self.sql_type(field)})"
            terms.append(f"CASE WHEN {column} = {nan} THEN 1 ELSE 0 END")
        return [*terms, f"{self.ordered(field, column)} DESC"]

    def _check_ties(self, schema: pa.Schema, ranked: str) -> None:
        """Raise `StoreError` where tied rows of one key differ."""
        keys = self.request.primary_key
        tests = []
        for field in schema:
            value = self.content(field, self.quote(field.name))
            tests.append(f"min({value}) <> max({value})")
            tests.append(f"count({value}) NOT IN (0, count(*))")
        groups = f"{ranked} AS r WHERE _hygge_rank = 1 GROUP BY {self.group_terms(keys)}"
        having = f"HAVING count(*) > 1 AND ({' OR '.join(tests)})"
        found = self.first(f"{self.select_terms(keys)}, count(*)", f"{groups} {having}")
        if not found:
            return
        *values, rows = found[0]
        by = self.request.dedupe_by
        apart = f"{', '.join(by)} does not distinguish" if by else "nothing distinguishes"
        raise StoreError(
            f"{rows:,} rows for {self.place.shown()} have the key {self._shown(values)}, and "
            f"{apart} them; nothing was published",
            hint="set  dedupe_by  to columns in which the row to keep has the highest value",
            code="HG547",
        )

    # In the transaction

    def _merge(self, commit: Commit, schema: pa.Schema) -> None:
        keys, staged = self.request.primary_key, self._settled
        on = " AND ".join(self.same(schema.field(name)) for name in keys)
        gone = 0
        if self.request.delete_missing:
            gone = self._take_away(commit, *self.missing(staged, on))
        values = [name for name in schema.names if name not in keys and name not in self.kept]
        both = f"{self.table} AS t JOIN {staged} AS s ON {on}"
        updated = self.update(values, staged, on) if values else self.matched(staged, on)
        added = self.add(schema.names, staged, on)
        self._check_counted(both, updated, added)
        self.changes = Changes(added, updated, gone)

    def _check_counted(self, both: str, updated: int, added: int) -> None:
        """Raise `StoreError` unless a merge changed exactly one row for each staged key."""
        if updated + added == self._keys_staged:
            return
        names = self.select_terms(self.request.primary_key, "s.")
        groups = f"{both} GROUP BY {self.group_terms(self.request.primary_key, 's.')}"
        found = self.first(f"{names}, count(*)", f"{groups} HAVING count(*) > 1")
        if found:
            *values, rows = found[0]
            raise StoreError(
                f"{self.place.shown()} already has {rows:,} rows with the key "
                f"{self._shown(values)}; nothing was published",
                hint="remove the duplicates in the table, or replace all rows with  hygge go "
                f"{self.request.flow} --full-refresh",
                code="HG547",
            )
        raise StoreError(
            f"rows of {plural(self._keys_staged or 0, 'key')} were staged for "
            f"{self.place.shown()}, but {updated:,} were updated and {added:,} added; "
            "nothing was published",
            hint="a trigger or rule of the table may reject rows, or its collation may treat two "
            "keys as equal",
            code="HG531",
        )

    def _take_away(self, commit: Commit, join: str, missing: str) -> int:
        """Delete or mark the rows that are `missing` from the home; return how many there are.

        Raises `StoreError` when there are too many.
        """
        import pyarrow as pa

        is_soft = self.request.delete_missing == "soft"
        mark = self.quote(DELETED_AT)
        lives = f"t.{mark} IS NULL" if is_soft else "1 = 1"
        table = f"{self.table} AS t"
        gone = self.count(f"{table} {join} WHERE {lives} AND {missing}")
        if not gone:
            return 0
        self._check_shrink(gone, self.count(f"{table} WHERE {lives}"))
        shown = self.place.shown()
        if not is_soft:
            check_gone(self.change(self.deleting(missing, join)), gone, shown, "deleted")
            return gone
        kind = pa.timestamp("us", tz="UTC")
        field = (
            commit.schema.field(DELETED_AT)
            if DELETED_AT in commit.schema.names
            else pa.field(DELETED_AT, kind)
        )
        sql, value = self.typed_parameter(_moment(commit.committed_at), self.fit(field), 1)
        marking = self.marking(f"{mark} = {sql}", f"{lives} AND {missing}", join)
        check_gone(self.change(marking, [value]), gone, shown, "marked")
        return gone

    def missing(self, staged: str, on: str) -> tuple[str, str]:
        """Return a join of the table, `t`, and the condition for rows without a staged row."""
        return "", f"NOT EXISTS (SELECT 1 FROM {staged} AS s WHERE {on})"

    def deleting(self, condition: str, join: str = "") -> str:
        """Return the statement that deletes rows of the table, `t`."""
        return f"DELETE FROM {self.table} AS t {join} WHERE {condition}"

    def marking(self, change: str, condition: str, join: str = "") -> str:
        """Return the statement that changes one column in rows of the table, `t`."""
        return f"UPDATE {self.table} AS t {join} SET {change} WHERE {condition}"

    def _check_shrink(self, gone: int, rows: int) -> None:
        limit = self.request.max_shrink
        most = MOST_MISSING if limit is None else limit
        if gone <= most * rows:
            return
        said = f"max_shrink: {most:.0%} allows" if limit is not None else "half of them"
        raise StoreError(
            f"{gone:,} of the {plural(rows, 'row')} of {self.place.shown()} are no longer in the "
            f"home, more than {said}; nothing was published",
            hint="check the home; if this is right, raise max_shrink for one run",
            code="HG533",
        )

    def _in_range(self, span: Span, schema: pa.Schema) -> tuple[str, list[Any]] | None:
        """Return a condition on rows `t` of a range, with its parameters; None for no row."""
        if all(self.folded(one.field.name) != self.folded(span.column) for one in self.live or ()):
            return None
        field = schema.field(span.column)
        column = self.ranged(field)
        tests: list[str] = []
        values: list[Any] = []
        for sign, end in ((">=", span.low), ("<", span.high)):
            if end is not None and end.is_valid:
                sql, value = self.typed_parameter(end, field, len(values) + 1)
                tests.append(f"{column} {sign} {sql}")
                values.append(value)
        if not tests:
            tests.append(f"t.{self.quote(field.name)} IS NOT NULL")
        return " AND ".join(tests), values

    def _list(self, names: Iterable[str]) -> str:
        return ", ".join(map(self.quote, names))

    def _shown(self, values: Sequence[Any]) -> str:
        named = zip(self.request.primary_key, values, strict=True)
        return ", ".join(f"{name} = {str(value)[:80]}" for name, value in named)


def _moment(text: str) -> pa.Scalar:
    """Return when a commit was made, in UTC."""
    from datetime import UTC, datetime

    import pyarrow as pa

    return pa.scalar(datetime.fromisoformat(text).astimezone(UTC), pa.timestamp("us", tz="UTC"))
