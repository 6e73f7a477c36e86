"""PostgreSQL and MySQL keep what every database on a server promises."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import psycopg
import pymysql
import pytest
from server_suite import Server, ServerSuite
from servers import Mysql, Postgres, mysql_login

from hygge.connector import Mode
from hygge.connectors.mysql import commit_outcome
from hygge.connectors.mysql import target as mysql_target
from hygge.connectors.postgres import target as postgres_target
from hygge.runtime.processes import label


class TestPostgres(ServerSuite):
    target = postgres_target.PostgresTarget
    outcome: ClassVar = postgres_target
    quote = '"'
    decides: ClassVar = dict.fromkeys(Mode, b"COMMIT")
    changes_types = True
    begins = "BEGIN ISOLATION LEVEL REPEATABLE READ"
    slow_view = "CREATE VIEW slow AS SELECT 1 AS id WHERE pg_sleep(3) IS NOT NULL"
    doubled = r"Key \(id\)=\(2\) is duplicated"
    frees = "pg_terminate_backend({})"
    own_number = "SELECT pg_backend_pid()"
    question = "SELECT run_id FROM"
    left_for_later = "session {}"

    @pytest.fixture
    def server(self, postgres: Postgres) -> Postgres:
        return postgres

    def fill(self, server: Server, rows: int) -> None:
        texts = f"repeat(md5(g::text), 30) AS x FROM generate_series(1, {rows}) g"
        server.run(f"CREATE TABLE t AS SELECT g AS id, {texts}")

    @contextmanager
    def holding(self, server: Server, run: str, process: str) -> Iterator[int]:
        with psycopg.connect(server.url, autocommit=True) as connection:
            name = f"hygge {run} {process}"
            connection.execute("SELECT set_config('application_name', %s, false)", (name,))
            key = f"hygge:{server.place}.things"
            connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (key,))
            yield connection.info.backend_pid

    def dead_label(self) -> str:
        machine, _, begin = label().split(".")
        ended = subprocess.Popen(["true"])
        ended.wait()
        return f"{machine}.{ended.pid}.{begin}"


class TestMysql(ServerSuite):
    target = mysql_target.MysqlTarget
    outcome: ClassVar = commit_outcome
    quote = "`"
    decides: ClassVar = dict.fromkeys(Mode, b"COMMIT") | {Mode.REPLACE: b"RENAME TABLE"}
    own_tables: ClassVar = {"_hygge_commits", "_hygge_pending"}
    staging = ("_hygge_stg_", "_hygge_old_")
    changes_types = False
    begins = "START TRANSACTION WITH CONSISTENT SNAPSHOT"
    slow_view = "CREATE VIEW slow AS SELECT 1 AS id, SLEEP(3) AS s"
    doubled = "Duplicate entry '2'"
    frees = "KILL CONNECTION {}"
    own_number = "SELECT CONNECTION_ID()"
    question = "run again"
    left_for_later = "a later run drops it"
    cuts = ("cut after 0", "cut after 3", "cut after 7")

    @pytest.fixture
    def server(self, mysql: Mysql) -> Mysql:
        return mysql

    def fill(self, server: Server, rows: int) -> None:
        texts = f"REPEAT('x', 1000) AS x FROM seq_1_to_{rows}"
        server.run(f"CREATE TABLE t AS SELECT seq AS id, {texts}")

    @contextmanager
    def holding(self, server: Server, run: str, process: str) -> Iterator[int]:
        place = hashlib.sha256(f"{server.place}.things".encode()).hexdigest()[:40]
        connection = pymysql.connect(**mysql_login(server.url), database=server.place)
        try:
            with connection.cursor() as cursor:
                cursor.execute(self.own_number)
                ((number,),) = cursor.fetchall()
                cursor.execute("SELECT GET_LOCK(%s, 0)", (f"hygge:{place}",))
                holder = f"{run} {process} {number}"
                cursor.execute("UPDATE _hygge_pending SET run_id = %s WHERE seq = 0", (holder,))
            yield number
        finally:
            connection.close()

    def dead_label(self) -> str:
        machine, _, begin = label().split(".")
        return f"{machine}.{2**22 + 1}.{begin}"
