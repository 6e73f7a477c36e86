"""A PostgreSQL table as a target: COPY into staging, then one transaction."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from hygge.connector import WriteRequest
from hygge.connectors.files.text.json_text import nested_text
from hygge.connectors.postgres import catalog, types
from hygge.connectors.postgres.catalog import reason_to_keep
from hygge.connectors.postgres.config import PostgresSettings, application_name, refuse_name
from hygge.connectors.postgres.connections import Bulk, Rows, control, cursor_of
from hygge.connectors.postgres.connections import bulk as leased
from hygge.connectors.postgres.dependants import users_of
from hygge.connectors.postgres.faults import LOCKED, fault, is_passing, state_of
from hygge.connectors.postgres.merging import PostgresMerging
from hygge.connectors.postgres.privileges import check_rights, check_writable
from hygge.connectors.postgres.sessions import end_dead, holder_of, holders_of
from hygge.connectors.postgres.undo_tables import PostgresUndoTables, name_key
from hygge.connectors.sql import chain
from hygge.connectors.sql.lock_holders import ENDED_PROCESS_SECONDS, LockHolder
from hygge.connectors.sql.outgoing import OutgoingBatches
from hygge.connectors.sql.pool import Reserved
from hygge.connectors.sql.store_options import ReplaceMethod
from hygge.connectors.sql.table_names import TableName, check_name, quote
from hygge.connectors.sql.target import LiveColumn, staging_prefix
from hygge.connectors.sql.trial_copy import in_use
from hygge.errors import CommitUnknownError, StoreError
from hygge.values.model import Commit, Part, Split

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_READ_ONLY = "25006"
_OUTCOME_SECONDS = 60.0
_POLL_SECONDS = 0.5
_BRIEF_SECONDS = 3


class PostgresTarget(PostgresMerging):
    """A table of PostgreSQL, for one attempt."""

    def __init__(
        self,
        settings: PostgresSettings,
        request: WriteRequest,
        rows: Rows,
        *,
        place: TableName,
        replacing: ReplaceMethod,
    ) -> None:
        commits = f"{quote(place.schema)}.{quote(chain.TABLE)}"
        super().__init__(request, place, chain.Chain(commits, place.name, "$"))
        self.replacing = replacing
        self.keeping = PostgresUndoTables(self)
        self._settings = settings
        self._rows = rows
        self._pid = rows.pid
        self._staged: dict[int, str] = {}
        self._is_typed = False
        self._reserved = Reserved(settings.pool())

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement on the connection of this target and return all its rows."""
        return self._rows(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[object]:
        """Run the block as one transaction with a lock timeout."""
        try:
            with self._rows.transaction():
                yield None
        except StoreError:
            raise
        except Exception as error:
            if state_of(error) == "23505" and chain.TABLE in str(error):
                raise self.chain.taken((self.last.seq if self.last else 0) + 1) from error
            raise fault(error, StoreError, f"cannot publish {self.place.shown()}") from error

    @contextmanager
    def reading(self, query: str) -> Iterator[object]:
        """Run the block in a read-only transaction; a write is an error that no retry fixes.

        Elsewhere the same SQLSTATE means a read-only standby, which may pass.
        """
        with super().reading(query):
            try:
                yield None
            except StoreError as error:
                if state_of(error.__cause__) == _READ_ONLY:
                    raise StoreError(error.message, hint=error.hint, code=error.code) from None
                raise

    def take(self) -> None:
        """Lock the table for this attempt, create hygge's tables, drop dead staging tables."""
        check_name(self.place.name, refuse_name)
        check_rights(self.run, self.place, self.request)
        self._take_lock()
        if not self.run("SELECT to_regclass($1)", (self.chain.table,))[0][0]:
            self._make_chain()
        dead = self.run(
            "SELECT tablename FROM pg_tables WHERE schemaname = $1 AND starts_with(tablename, $2)",
            (self.place.schema, staging_prefix(self.place.name)),
        )
        for (name,) in dead:
            self._drop_dead(TableName(self.place.schema, name))
        self.begin()

    def inspect(self, last: Commit | None) -> None:
        """Read the table without a lock; see `SqlTarget.inspect`."""
        check_name(self.place.name, refuse_name)
        holder = holder_of(self.run, self._lock_key)
        if holder is not None and not holder.is_left_over(self.request.run_id):
            raise self._written(holder)
        check_writable(self.run, self.place)
        check_rights(self.run, self.place, self.request)
        self.find(last)

    def check_changing(self, changed: Sequence[str], schema: pa.Schema, *, swaps: bool) -> None:
        """Raise `StoreError` where a view, a policy, … needs one of the columns."""
        gone = [name for name in changed if name not in schema.names]
        if not swaps and (users := users_of(self.run, self.place, changed, gone)):
            raise in_use(users, changed, self.place.shown())

    def _drop_dead(self, table: TableName) -> None:
        """Drop staging tables of dead runs, except those that a session still holds."""
        name = self.name(table)
        end_dead(self.run, name)
        try:
            with self.transaction():
                self.run(f"SET LOCAL lock_timeout = '{_BRIEF_SECONDS}s'")
                self.run(f"DROP TABLE IF EXISTS {name}")
        except StoreError as error:
            if state_of(error.__cause__) != LOCKED:
                raise
            log.warning(
                "%s of a run that has ended cannot be dropped yet: %s; a later run drops it",
                name,
                holders_of(self.run, [name]) or "another session holds it",
            )

    def _make_chain(self) -> None:
        """Create the schema and its table of commits, one move at a time."""
        schema = self.place.schema
        with self.transaction():
            self.run("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", (f"hygge:{schema}",))
            if not self.run("SELECT 1 FROM pg_namespace WHERE nspname = $1", (schema,)):
                self.run(f"CREATE SCHEMA {quote(schema)}")
            columns = chain.columns("text", "bigint")
            self.run(f"CREATE TABLE IF NOT EXISTS {self.chain.table} ({columns})")

    def _take_lock(self) -> None:
        """Take an advisory session lock, or raise with its holder. The chain of commits decides.

        Sessions of this run, and of ended processes, are terminated and waited for.
        """
        key = self._lock_key
        self.run("SELECT set_config('application_name', $1, false)", (self._who(),))
        latest = time.monotonic() + ENDED_PROCESS_SECONDS
        while not self.run("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", (key,))[0][0]:
            holder = holder_of(self.run, key)
            if holder is None:  # it was released meanwhile
                continue
            if not holder.is_left_over(self.request.run_id) or time.monotonic() > latest:
                raise self._written(holder)
            holder.end(self.run)
            time.sleep(_POLL_SECONDS / 5)

    @property
    def _lock_key(self) -> str:
        return f"hygge:{self.place.schema}.{self.place.name}"

    def _written(self, holder: LockHolder) -> StoreError:
        return StoreError(
            f"{self.place.shown()} is being written by {holder}",
            hint=holder.hint(),
            code="HG543",
        )

    def _who(self) -> str:
        return application_name(self.request.run_id)

    def fit(self, field: pa.Field) -> pa.Field:
        """Return the field to stage, with the same metadata where its type is the same."""
        check_name(field.name, refuse_name)
        return field.with_type(types.fit(field.type))

    def sql_type(self, field: pa.Field) -> str:
        """Return the type for a fitted field; text where the server lacks the type."""
        own = types.native_type(field)
        if own is not None and self.run("SELECT to_regtype($1)", (own,))[0][0] is None:
            return "text"
        return types.sql_type(field)

    def find_live(self) -> list[LiveColumn] | None:
        """Return the columns of the table from the catalog."""
        table = catalog.find(self.run, self.place)
        if table is None:
            return None
        if table.kind not in ("table", "partitioned table"):
            raise StoreError(
                f"{self.place.shown()} is a {table.kind}, which cannot be written",
                hint="choose another name with  into: <name>",
            )
        found = catalog.columns(self.run, [table.oid]).get(table.oid, [])
        return [
            LiveColumn(
                types.reading_of(one.name, "", one.type, nullable=one.nullable).field,
                one.type,
                one.fills_itself,
                one.is_generated,
            )
            for one in found
        ]

    def reason_to_keep(self) -> str | None:
        """Return the first thing that a swap would lose: grants, views, foreign keys, …"""
        return reason_to_keep(self.run, self.place)

    # Staging

    def stage(self, batches: pa.RecordBatchReader, split: Split) -> Part:
        """COPY a split into the staging table in a transaction of its own; see `Target.stage`."""
        import adbc_driver_manager

        self.begin_staging(batches.schema)
        meter = OutgoingBatches(batches, _sent_schema(batches.schema), _sendable)
        try:
            with self._bulk() as bulk, cursor_of(bulk) as cursor:
                with bulk.answering():
                    self._forget(split, cursor)
                    cursor.execute("SELECT (txid_current() % 4294967296)::text")
                    written_by = cursor.fetchone()[0]
                with ExitStack() as stack:
                    # While the home is read, the server owes no answer.
                    meter.at_end = lambda: stack.enter_context(bulk.answering())
                    rows = self._copy(cursor, meter)
                    bulk.connection.commit()
        except (adbc_driver_manager.Error, OSError) as error:
            if meter.error is None:
                raise self._refused(error) from error
        if meter.error is not None:
            # Outside of the `except`, so that the home's error keeps its cause.
            raise meter.error
        with self.lock:
            self._staged[split.number] = written_by
        return Part(split.number, rows, meter.bytes)

    def _copy(self, cursor: Any, meter: OutgoingBatches) -> int:  # noqa: ANN401
        rows: int = cursor.adbc_ingest(
            self.staging.name, meter.reader(), mode="append", db_schema_name=self.staging.schema
        )
        return rows

    def _refused(self, error: Exception) -> StoreError:
        raised = fault(error, StoreError, f"cannot write {self.place.shown()}")
        message = raised.message.replace(self.staging.name, self.place.name)
        return StoreError(message, hint=raised.hint, code=raised.code)

    @contextmanager
    def _bulk(self) -> Iterator[Bulk]:
        """Yield the connection that was reserved, or one more while there are free ones."""
        with self._reserved.slot(), leased(self._settings, StoreError) as bulk:
            yield bulk

    def _forget(self, split: Split, cursor: Any) -> None:  # noqa: ANN401
        """Delete the rows of an earlier staging of the split, found by its transaction id."""
        before = self._staged.get(split.number)
        if before is not None:
            cursor.execute(f"DELETE FROM {self.name(self.staging)} WHERE xmin = '{before}'::xid")

    def make_staging(self, schema: pa.Schema) -> None:
        """Create the staging table; PostgreSQL-only types are staged as text."""
        columns = ", ".join(f"{quote(field.name)} {_staged_type(field)}" for field in schema)
        self.run(f"CREATE TABLE {self.name(self.staging)} ({columns})")

    def staged_rows(self) -> str:
        """Return the staging table after its columns have their final types."""
        table = self.name(self.staging)
        if self.staged is not None and not self._is_typed:
            self._alter(
                f"ALTER {quote(field.name)} TYPE {wanted} USING {quote(field.name)}::{wanted}"
                for field in self.staged
                if (wanted := self.sql_type(field)) != _staged_type(field)
            )
            self._is_typed = True
        return table

    def finish_staging(self, schema: pa.Schema, *, becomes_table: bool) -> None:
        """Convert texts to PostgreSQL types, then set NOT NULL and the primary key."""
        self.staged_rows()
        if not becomes_table:
            return
        changes = [f"ALTER {quote(one.name)} SET NOT NULL" for one in schema if not one.nullable]
        if self.request.primary_key:
            names = ", ".join(map(quote, self.request.primary_key))
            changes.append(f"ADD PRIMARY KEY ({names})")
        self._alter(changes)

    def _alter(self, changes: Iterable[str]) -> None:
        if text := ", ".join(changes):
            self.run(f"ALTER TABLE {self.name(self.staging)} {text}")

    def rename_staging(self, schema: pa.Schema) -> None:
        """Rename the staging table to the target's name, its primary key to the default name."""
        super().rename_staging(schema)
        name_key(self.run, self.place)

    def count_staged(self) -> int:
        """Return the number of rows of the staging table, which is locked against changes."""
        self.run(f"LOCK TABLE {self.name(self.staging)} IN SHARE MODE")
        return super().count_staged()

    def drop_staging(self) -> None:
        """Drop the staging table of this attempt."""
        if self.staged is not None:
            self.run(f"DROP TABLE IF EXISTS {self.name(self.staging)}")
            self.staged = None
            self._staged.clear()
            self._is_typed = False

    # After a lost reply

    def owner(self, seq: int) -> str | None:
        """Return the run of commit `seq`, on a new connection when this one is lost.

        The old session may still commit: it is terminated and waited for.
        """
        if not self._rows.connection.closed and not self._rows.connection.broken:
            return super().owner(seq)
        deadline = time.monotonic() + _OUTCOME_SECONDS
        while True:
            try:
                return self._ask_again(seq, deadline)
            except StoreError as error:
                if not is_passing(error) or time.monotonic() > deadline:
                    raise CommitUnknownError(
                        f"the confirmation of commit {seq} of {self.place.shown()} was lost, and "
                        f"the server cannot be reached: {error.message}",
                        hint="run again: the next run determines the outcome; or ask the server:  "
                        f"SELECT run_id FROM {self.chain.table} WHERE target = "
                        f"'{self.chain.target}' AND seq = {seq}",
                    ) from error
                time.sleep(_POLL_SECONDS)

    def _ask_again(self, seq: int, deadline: float) -> str | None:
        with control(self._settings, StoreError) as session:
            run = Rows(session, self._settings, StoreError, f"cannot ask for commit {seq}")
            while self._session_lives(run) and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
            return self.chain.owner(run, seq)

    def _session_lives(self, run: Rows) -> bool:
        sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1"
        return bool(run(f"{sql} AND application_name = $2", (self._pid, self._who())))


def _staged_type(field: pa.Field) -> str:
    """Return the type that a column is staged as; PostgreSQL-only types are staged as text."""
    is_text = types.native_type(field) is not None or types.is_json(field.type)
    return "text" if is_text else types.sql_type(field)


def _sent_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema that the driver sends; values for JSON columns are sent as text."""
    import pyarrow as pa

    return pa.schema(
        [field.with_type(pa.string()) if types.is_json(field.type) else field for field in schema]
    )


def _sendable(batch: pa.RecordBatch) -> pa.RecordBatch:
    import pyarrow as pa

    arrays = [
        nested_text(field.name, array) if types.is_json(field.type) else array
        for field, array in zip(batch.schema, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=_sent_schema(batch.schema))
