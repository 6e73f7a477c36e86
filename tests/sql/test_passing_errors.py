"""Which errors of servers may pass, and the way out of each: starting, full, denied."""

from __future__ import annotations

import psycopg
import pytest

from hygge.connectors.mssql.faults import is_passing as mssql_passes
from hygge.connectors.odbc.driver import DriverError
from hygge.connectors.odbc.faults import is_passing as odbc_passes
from hygge.connectors.postgres.faults import fault, is_full, is_passing
from hygge.errors import HomeError

PASSING = [
    "FATAL:  the database system is starting up",
    "FATAL:  the database system is not yet accepting connections",
    "FATAL:  the database system is in recovery mode",
    "FATAL:  the database system is shutting down",
    "FATAL:  sorry, too many clients already",
    "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
    "FATAL:  query_wait_timeout",
    "FATAL:  no more connections allowed (max_client_conn)",
    "FATAL:  terminating connection due to administrator command",
    "ERROR:  canceling statement due to conflict with recovery",
    'ERROR:  invalid snapshot identifier: "00000003-0000001B-1"',
    'ERROR:  snapshot "00000003-0000001B-1" does not exist',
    'ERROR:  relation "s._hygge_stg_0123_4" does not exist',
    "could not translate host name: Temporary failure in name resolution",
    "connection to server failed: Connection refused",
]
LASTING = [
    'FATAL:  password authentication failed for user "x"',
    'FATAL:  role "x" does not exist',
    'FATAL:  database "x" does not exist',
    "FATAL:  unsupported startup parameter: options",
    "FATAL:  no such database: x",
    'ERROR:  relation "orders" does not exist',
    'ERROR:  query would be affected by row-level security policy for table "t"',
]


@pytest.mark.parametrize("text", PASSING)
def test_what_postgres_says_may_pass(text: str) -> None:
    assert is_passing(psycopg.OperationalError(text))


@pytest.mark.parametrize("text", LASTING)
def test_what_postgres_says_lasts(text: str) -> None:
    assert not is_passing(psycopg.OperationalError(text))


@pytest.mark.parametrize("text", [*PASSING[:9], *PASSING[-2:], *LASTING[:5]])
def test_what_keeps_hygge_out_has_a_way_out(text: str) -> None:
    error = fault(psycopg.OperationalError(text), HomeError, "cannot connect")
    assert error.hint


def test_a_server_that_is_full_is_told_from_others() -> None:
    assert is_full(psycopg.OperationalError(PASSING[4]))
    assert is_full(psycopg.errors.TooManyConnections("x"))
    assert not is_full(psycopg.OperationalError(PASSING[0]))
    error = fault(psycopg.OperationalError(PASSING[4]), HomeError, "x")
    assert "max_connections" in (error.hint or "")


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("Database 'x' is being recovered. Waiting until recovery is finished.", True),
        ("The maximum number of user connections is 100 and has been reached", True),
        ("Database 'x' cannot be opened. It is in the middle of a restore.", True),
        ("Login failed for user 'x'", False),
        ("Invalid object name 'x'", False),
    ],
)
def test_what_sql_server_says_passes_or_lasts(text: str, passes: bool) -> None:
    assert mssql_passes(RuntimeError(text)) is passes


@pytest.mark.parametrize(
    ("state", "text", "passes"),
    [
        ("HY000", "ORA-01033: ORACLE initialization or shutdown in progress", True),
        ("HY000", "ORA-12541: TNS:no listener", True),
        ("53300", "too many connections", True),
        ("HY000", "ORA-01017: invalid username/password; logon denied", False),
        ("42S02", "ORA-00942: table or view does not exist", False),
    ],
)
def test_what_odbc_drivers_say_passes_or_lasts(state: str, text: str, passes: bool) -> None:
    assert odbc_passes(DriverError(state, text)) is passes
