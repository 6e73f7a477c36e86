"""Check of the privileges that writing a PostgreSQL table needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygge.connector import WriteRequest
from hygge.connectors.postgres.faults import GRANT_WRITING
from hygge.connectors.sql.table_names import TableName
from hygge.errors import StoreError
from hygge.values.model import Mode

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

_SCHEMA = """
SELECT has_schema_privilege(oid, 'USAGE') AND has_schema_privilege(oid, 'CREATE')
FROM pg_namespace WHERE nspname = $1
"""
_DATABASE = "SELECT has_database_privilege(current_database(), 'CREATE')"
_MISSING = """
SELECT r.name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
       unnest($3::text[]) AS r(name)
WHERE n.nspname = $1 AND c.relname = $2 AND NOT has_table_privilege(c.oid, r.name)
"""
_NEEDED = {
    Mode.REPLACE: ["SELECT", "INSERT", "DELETE"],
    Mode.APPEND: ["INSERT"],
    Mode.MERGE: ["SELECT", "INSERT", "UPDATE"],
}


def check_writable(run: Run, place: TableName) -> None:
    """Raise `StoreError` where the server only reads, perhaps for now."""
    if run("SELECT current_setting('transaction_read_only')")[0][0] == "on":
        raise StoreError(
            f"cannot write {place.shown()}: the server is read-only for this user",
            hint="connect to the primary server, and make sure that default_transaction_read_only "
            "is off",
        )


def check_rights(run: Run, place: TableName, request: WriteRequest) -> None:
    """Raise `StoreError` unless this user may stage rows beside a table and publish them."""
    found = run(_SCHEMA, (place.schema,))
    if not (found or run(_DATABASE))[0][0]:
        raise _denied(place, f"schema {place.schema}" if found else "this database")
    missing = run(_MISSING, (place.schema, place.name, _NEEDED[request.mode]))
    if missing:
        raise _denied(place, f"table {place.name} ({', '.join(name for (name,) in missing)})")


def _denied(place: TableName, what: str) -> StoreError:
    return StoreError(
        f"cannot write {place.shown()}: permission denied for {what}", hint=GRANT_WRITING
    )
