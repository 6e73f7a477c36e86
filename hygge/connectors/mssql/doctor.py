"""The checks of `hygge doctor` on a SQL Server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hygge.connector import Finding
from hygge.connectors.mssql.catalog import bracketed

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

_OLDEST = 13
_SERVICES = (5, 8, 12)
"""Editions of cloud services, whose version number has no meaning."""
SERVER = """
SELECT @@VERSION, CAST(SERVERPROPERTY('EngineEdition') AS int),
       CAST(SERVERPROPERTY('ProductMajorVersion') AS int), SUSER_SNAME(), DB_NAME()
"""
RIGHTS = """
SELECT SCHEMA_ID(?), HAS_PERMS_BY_NAME(NULL, 'DATABASE', 'CREATE TABLE'),
       HAS_PERMS_BY_NAME(NULL, 'DATABASE', 'CREATE SCHEMA'),
       HAS_PERMS_BY_NAME(QUOTENAME(?), 'SCHEMA', 'ALTER')
"""


def examine_server(run: Run) -> Iterator[Finding]:
    """Yield findings for reading and writing."""
    version, edition, number, user, database = run(SERVER)[0]
    yield Finding(f"{str(version).splitlines()[0]}, user {user}, database {database}")
    yield Finding("hygge is not tested against SQL Server yet", "warning")
    if edition not in _SERVICES and (number or 0) < _OLDEST:
        yield Finding(
            "the version of the server is older than hygge supports",
            "warning",
            "update it to SQL Server 2016 or newer",
        )


def examine_writing(run: Run, schema: str) -> Iterator[Finding]:
    """Yield findings for a store: whether tables can be created in its schema."""
    yield from examine_server(run)
    found, may_make, may_add_schema, may_alter = run(RIGHTS, (schema, schema))[0]
    is_there = found is not None
    if may_make and (may_alter if is_there else may_add_schema):
        text = f"this user can create tables in schema {schema}"
        yield Finding(text if is_there else f"{text}, which the first move creates")
        return
    right = f"ALTER ON SCHEMA::{bracketed(schema)}" if is_there else "CREATE SCHEMA"
    yield Finding(
        f"this user cannot create tables in schema {schema}",
        "error",
        f"GRANT CREATE TABLE TO …; GRANT {right} TO …",
    )
