"""`hygge plan` makes every check that `hygge go` makes before its first row: both end alike."""

from __future__ import annotations

import fcntl
import json
import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
import yaml
from projects import hygge, write_project
from servers import Mysql, Postgres, schema_name

Refusal = Callable[[Path], tuple[str, ...] | None]
REFUSALS: list[Refusal] = []


def refusal(one: Refusal) -> Refusal:
    """Have a state tried in which no row can move; it returns options, if it needs some."""
    REFUSALS.append(one)
    return one


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_project(
        tmp_path,
        {
            "homes/app.yml": "type: duckdb\npath: app.db\n",
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "flows/users.yml": "home: app\nstore: lake\n",
        },
    )
    at_home(
        tmp_path,
        "create table users as select i as id, 'ann' as name, "
        "timestamp '2026-01-01' + interval (i) day as day from range(3) as t(i)",
    )
    assert hygge(tmp_path, "go").returncode == 0
    return tmp_path


def at_home(root: Path, *statements: str) -> None:
    with duckdb.connect(str(root / "app.db")) as database:
        for statement in statements:
            database.execute(statement)


def flow(root: Path, text: str, name: str = "users") -> None:
    (root / f"flows/{name}.yml").write_text(f"home: app\nstore: lake\n{text}")


@refusal
def place_of_another_flow(root: Path) -> tuple[str, ...]:
    flow(root, "entity: users\ninto: users\n", name="others")
    flow(root, "into: elsewhere\n")
    return ("others",)


@refusal
def place_of_nobody(root: Path) -> None:
    (root / "lake/users/other.parquet").write_text("not ours")


@refusal
def table_of_nobody(root: Path) -> None:
    (root / "stores/lake.yml").write_text("type: duckdb\npath: lake.db\n")
    with duckdb.connect(str(root / "lake.db")) as database:
        database.execute("create table users as select 1 as id")


@refusal
def store_that_is_a_file(root: Path) -> None:
    (root / "stores/lake.yml").write_text("type: csv\npath: app.db\n")


@refusal
def view_in_the_place(root: Path) -> None:
    (root / "stores/lake.yml").write_text("type: duckdb\npath: lake.db\n")
    with duckdb.connect(str(root / "lake.db")) as database:
        database.execute("create view users as select 1 as id")


@refusal
def contract(root: Path) -> None:
    flow(root, "schema_contract: freeze\n")
    at_home(root, "alter table users add column mail varchar")


@refusal
def check_of_a_column_that_is_not_there(root: Path) -> None:
    flow(root, "checks: [{not_null: nobody}]\n")


@refusal
def column_that_the_home_does_not_have(root: Path) -> None:
    flow(root, "select: [nobody]\n")


@refusal
def promise(root: Path) -> tuple[str, ...]:
    flow(root, "guarantee: exactly-once\n")
    return ("--limit", "3")


@refusal
def limit_that_would_lose_rows(root: Path) -> tuple[str, ...]:
    return ("--limit", "1")


@refusal
def full_refresh_where_that_is_protected(root: Path) -> tuple[str, ...]:
    (root / "hygge.yml").write_text("name: test\nprotected: true\n")
    return ("--full-refresh",)


@refusal
def other_key(root: Path) -> None:
    flow(root, "mode: merge\nprimary_key: id\n")
    assert hygge(root, "go").returncode == 0
    flow(root, "mode: merge\nprimary_key: name\n")


@refusal
def other_shape(root: Path) -> None:
    flow(root, "mode: append\nincremental: day\n", name="users")
    assert hygge(root, "go", "--full-refresh").returncode == 0
    flow(root, "mode: append\nincremental: day\ncolumns: {name: {rename: called}}\n")


@refusal
def append_that_becomes_incremental(root: Path) -> None:
    flow(root, "mode: append\nincremental: day\n")


@refusal
def lock_file(root: Path) -> None:
    assert hygge(root, "schema", "lock").returncode == 0
    at_home(root, "alter table users add column mail varchar")


@refusal
def table_that_is_gone(root: Path) -> None:
    (root / "stores/lake.yml").write_text("type: duckdb\npath: lake.db\n")
    flow(root, "mode: append\n")
    assert hygge(root, "go").returncode == 0
    with duckdb.connect(str(root / "lake.db")) as database:
        database.execute("drop table users")


@refusal
def type_that_the_store_cannot_hold(root: Path) -> None:
    (root / "stores/lake.yml").write_text("type: csv\npath: texts\n")
    at_home(root, "alter table users add column part struct(a int)")


@refusal
def home_that_is_not_there(root: Path) -> None:
    (root / "homes/app.yml").write_text("type: csv\npath: nowhere\n")


@refusal
def claim_that_nobody_can_judge(root: Path) -> None:
    (root / "lake/.hygge/users/claims/2").write_text("?")


@pytest.mark.parametrize("one", REFUSALS, ids=lambda one: one.__name__)
def test_a_plan_refuses_what_a_run_refuses(root: Path, one: Refusal) -> None:
    words = one(root) or ()
    planned = hygge(root, "plan", *words)
    moved = hygge(root, "go", *words)
    assert moved.returncode != 0, moved.stdout
    assert planned.returncode == moved.returncode, planned.stdout + planned.stderr
    codes = [set(re.findall(r"HG\d{3}", text.stdout + text.stderr)) for text in (planned, moved)]
    assert codes[0] == codes[1]


def test_a_plan_sees_that_another_run_writes_the_place(root: Path) -> None:
    with (root / "lake/.hygge/users/lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for command in ("plan", "go"):
            result = hygge(root, command)
            assert result.returncode == 1
            assert "[HG512]" in result.stdout
    assert hygge(root, "plan").returncode == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_plan_sees_a_store_that_it_may_not_write(root: Path) -> None:
    (root / "lake").chmod(0o500)
    try:
        assert hygge(root, "plan").returncode == hygge(root, "go").returncode == 1
    finally:
        (root / "lake").chmod(0o700)


USERS = {
    "postgres": {
        "CREATE VIEW shown AS SELECT name FROM users": "view shown",
        "CREATE MATERIALIZED VIEW kept AS SELECT upper(name) AS n FROM users": "view kept",
        "ALTER TABLE users ADD c text GENERATED ALWAYS AS (name || '!') STORED": "column c",
        "CREATE POLICY ours ON users USING (name <> 'x')": "policy ours",
        "CREATE TABLE others (i bigint, n text); ALTER TABLE users ADD UNIQUE (id, name); "
        "ALTER TABLE others ADD FOREIGN KEY (i, n) REFERENCES users (id, name)": "others_i_n_fkey",
    },
    "mysql": {
        "CREATE VIEW shown AS SELECT u.id, u.name FROM users u": r"view \S+shown",
        "ALTER TABLE users ADD c int AS (char_length(name))": "column c",
        "ALTER TABLE users ADD CONSTRAINT two CHECK (char_length(name) > 1)": "constraint two",
        "CREATE TRIGGER seen BEFORE INSERT ON users FOR EACH ROW SET @seen = NEW.name": "seen",
    },
    "sqlite": {
        "CREATE VIEW shown AS SELECT name FROM users": "view shown",
        "DROP VIEW shown; CREATE TABLE seen (n); CREATE TRIGGER see AFTER INSERT ON users "
        "BEGIN INSERT INTO seen VALUES (NEW.name); END": "a trigger of users",
        "DROP TRIGGER see; CREATE INDEX by_name ON users(name)": "by_name",
    },
    "duckdb": {
        "CREATE VIEW shown AS SELECT name FROM users; CREATE VIEW twice AS FROM shown": "twice",
        "DROP VIEW twice; DROP VIEW shown; CREATE INDEX by_name ON users(name)": "index",
    },
}
"""What needs the column `name`, and how it is named."""


def store_of(kind: str, root: Path) -> tuple[str, Callable[[str], list[tuple[object, ...]]]]:
    """Return a store in YAML, and what runs statements in it."""
    if kind == "postgres":
        postgres = Postgres(schema_name(root))
        postgres.make()
        return yaml.safe_dump(postgres.settings()), postgres.run
    if kind == "mysql":
        mysql = Mysql(schema_name(root))
        mysql.make()
        return yaml.safe_dump(mysql.settings()), mysql.run

    def run(sql: str) -> list[tuple[object, ...]]:
        if kind == "duckdb":
            with duckdb.connect(str(root / "store.db")) as database:
                return database.execute(sql).fetchall()
        with closing(sqlite3.connect(root / "store.db")) as file, file:
            if sql.startswith("SELECT"):
                return file.execute(sql).fetchall()
            file.executescript(sql)
            return []

    return f"type: {kind}\npath: store.db\n", run


@pytest.mark.parametrize("kind", USERS)
def test_what_needs_a_column_that_would_go_is_named_before_anything_is_staged(
    root: Path, kind: str
) -> None:
    text, run = store_of(kind, root)
    (root / "stores/lake.yml").write_text(text)
    assert hygge(root, "go").returncode == 0
    at_home(root, "alter table users drop column name")
    names_one = kind in ("sqlite", "duckdb")
    *some, last = USERS[kind]
    for change in some:
        run(change)
        if names_one:
            assert re.search(USERS[kind][change], hygge(root, "plan").stdout)
    run(last)
    for command in ("plan", "go"):
        result = hygge(root, command)
        assert result.returncode == 1, result.stdout
        assert "[HG536]" in result.stdout
        assert re.search(r"name of \S*users", result.stdout)
        for user in [USERS[kind][last]] if names_one else USERS[kind].values():
            assert re.search(user, result.stdout), result.stdout
        assert "CASCADE" not in result.stdout
    assert run("SELECT count(name) FROM users") == [(3,)]
    flow(root, "schema_contract: {drop: keep, change: keep}\n")
    assert hygge(root, "plan").returncode == hygge(root, "go").returncode == 0


HOME, STORE = "homes/app.yml", "stores/lake.yml"
RIGHTS: list[tuple[str, str, str, tuple[str, ...], str]] = [
    ("postgres", HOME, "", (), r"permission denied for table users"),
    ("postgres", HOME, "", ("GRANT SELECT (id) ON users TO {me}",), "permission denied"),
    ("postgres", HOME, "select: [id]\n", ("GRANT SELECT (id) ON users TO {me}",), ""),
    ("postgres", STORE, "", ("REVOKE CREATE ON SCHEMA {at} FROM {me}",), "permission denied for s"),
    ("postgres", STORE, "mode: append\n", (), r"permission denied for table users \(INSERT\)"),
    ("postgres", STORE, "", ("GRANT SELECT, INSERT ON users TO {me}",), r"\(DELETE\)"),
    (
        "postgres",
        STORE,
        "",
        ("GRANT ALL ON users TO {me}", "ALTER ROLE {me} SET default_transaction_read_only = on"),
        "the server is read-only for this user|read-only transaction",
    ),
    ("mysql", HOME, "", (), "Access denied"),
    ("mysql", HOME, "", ("GRANT INSERT ON {at}.users TO {me}",), "SELECT command denied"),
    ("mysql", HOME, "select: [id]\n", ("GRANT SELECT (id) ON {at}.users TO {me}",), ""),
    ("mysql", STORE, "", ("GRANT SELECT ON {at}.* TO {me}",), "no privilege for CREATE"),
    (
        "mysql",
        STORE,
        "",
        ("GRANT SELECT, CREATE, ALTER, DROP, INSERT, UPDATE ON {at}.* TO {me}",),
        "no privilege for DELETE",
    ),
]
"""Server, what is its, the flow, what the user is granted, and what is said; nothing where it can.

A user of PostgreSQL may make tables in the schema, and nothing else."""


def as_a_user(kind: str, root: Path) -> tuple[str, Callable[[str], object]]:
    """Return a server with a table `users` in YAML, as a user without rights, and what grants."""
    text, run = store_of(kind, root)
    settings = yaml.safe_load(text)
    me = f"u_{schema_name(root)[2:16]}"
    run("CREATE TABLE users (id bigint, name text, day timestamp)")
    run("INSERT INTO users (id) VALUES (1), (2)")
    if kind == "postgres":
        at = settings["schema"]
        run(f"DROP ROLE IF EXISTS {me}; CREATE ROLE {me} LOGIN; GRANT ALL ON SCHEMA {at} TO {me}")
    else:
        at = settings["url"].rpartition("/")[2]
        run(f"CREATE OR REPLACE USER {me}")
        run(f"GRANT USAGE ON {at}.* TO {me}")
    settings["user"] = me
    return yaml.safe_dump(settings), lambda sql: run(sql.format(me=me, at=at))


@pytest.mark.parametrize(("kind", "side", "keys", "grants", "said"), RIGHTS)
def test_a_plan_sees_what_a_user_may_not_do(
    root: Path, kind: str, side: str, keys: str, grants: tuple[str, ...], said: str
) -> None:
    text, run = as_a_user(kind, root)
    (root / side).write_text(text)
    flow(root, keys)
    for grant in grants:
        run(grant)
    words = ("--adopt",) if side == STORE else ()
    try:
        for command in ("plan", "go"):
            result = hygge(root, command, *words)
            shown = " ".join(result.stdout.split())
            assert result.returncode == (1 if said else 0), result.stdout
            assert re.search(said, shown), shown
    finally:
        for sql in ("DROP OWNED BY {me}", "DROP ROLE {me}") if kind == "postgres" else ():
            run(sql)
        if kind == "mysql":
            run("DROP USER {me}")


@pytest.mark.parametrize("kind", ["postgres", "mysql", "duckdb"])
def test_a_plan_shows_how_many_rows_a_catalog_estimates(root: Path, kind: str) -> None:
    text, run = store_of(kind, root)
    run("CREATE TABLE users (id bigint)")
    run("INSERT INTO users VALUES (1), (2), (3)")
    run({"postgres": "ANALYZE users", "mysql": "ANALYZE TABLE users"}.get(kind, "SELECT 1"))
    (root / HOME).write_text(text)
    assert re.search(r"rows +≈ 3 in the home, as its catalog estimates", hygge(root, "plan").stdout)
    assert json.loads(hygge(root, "plan", "--json").stdout)["moves"][0]["estimated_rows"] == 3


def test_a_plan_writes_no_control_characters_of_a_watermark(root: Path) -> None:
    flow(root, "mode: merge\nprimary_key: id\nincremental: name\n")
    at_home(root, "update users set name = 'a' || chr(27) || '[31m' || chr(7)")
    assert hygge(root, "go").returncode == 0
    assert not set(hygge(root, "plan").stdout) & {"\x1b", "\x07"}


def test_a_plan_shows_masks_new_names_and_what_is_left_out(root: Path) -> None:
    flow(root, 'select: ["-day"]\ncolumns: {id: {rename: key}, name: {mask: redact}}\n')
    said = hygge(root, "plan").stdout
    assert re.search(r"key .*exact, from id", said)
    assert re.search(r"name .*masked by redact", said)
    assert re.search(r"left out +day", said)
