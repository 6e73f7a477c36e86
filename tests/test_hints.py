"""Every hint that names a command leads out: the command is typed as it was printed, and works.

A scenario makes the state for real, takes the command from what hygge prints, and follows it. A
hint in the source that no scenario follows fails the test.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess

import duckdb
import pytest
import redis
import yaml
from hints import Hint, hints
from projects import hygge, write_project
from servers import Mysql, Postgres, redis_url

Result = CompletedProcess[str]
INCREMENTAL = "mode: append\nincremental: day\n"
MERGE = "mode: merge\nprimary_key: id\nincremental: day\n"


@dataclass
class World:
    """A project: flow `users` from a DuckDB file to one of Parquet files, and what was followed."""

    root: Path
    followed: list[str] = field(default_factory=list)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def flow(self, text: str = "", name: str = "users") -> None:
        self.write(f"flows/{name}.yml", f"home: app\nstore: lake\n{text}")

    def at_home(self, *statements: str) -> None:
        self.sql("app.db", *statements)

    def sql(self, file: str, *statements: str) -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = []
        with duckdb.connect(str(self.root / file)) as database:
            for statement in statements:
                found = database.execute(statement).fetchall()
        return found

    def store(self, kind: str) -> None:
        self.write("stores/lake.yml", f"type: {kind}\npath: lake\n")

    def run(self, *words: str, code: int = 0) -> Result:
        """Run a command that must end with this exit code."""
        result = hygge(self.root, *words)
        assert result.returncode == code, result.stdout + result.stderr
        return result

    def follow(
        self, said: Result, pattern: str, code: int = 0, values: dict[str, str] | None = None
    ) -> Result:
        """Type the command that a text printed; `values` stand for the words in capitals."""
        printed = [one for text in (said.stdout, said.stderr) for one in _printed(text)]
        wanted = re.compile(_as_regex(pattern))
        found = [one for one in printed if wanted.fullmatch(one)]
        assert found, f"no {pattern!r} in {printed}"
        self.followed.append(found[0])
        words = [(values or {}).get(word, word) for word in shlex.split(found[0])[1:]]
        return self.run(*words, code=code)


def _printed(text: str) -> Iterator[str]:
    """Yield the commands that a person would copy from what was printed."""
    for match in re.finditer(r"(?<![\w./-])hygge (?=[a-z])", text):
        line = text[match.start() :].partition("\n")[0]
        yield re.split(r"  +| ,|[,;)]", line)[0].rstrip(" .:")


def _as_regex(pattern: str) -> str:
    return r"(?:[^ ]+|'[^']*')".join(re.escape(part) for part in pattern.split("{}"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    write_project(
        tmp_path,
        {
            "homes/app.yml": "type: duckdb\npath: app.db\n",
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "flows/users.yml": "home: app\nstore: lake\n",
        },
    )
    made = World(tmp_path)
    made.at_home(
        "create table users as select i as id, 'ann' as name, "
        "timestamp '2026-01-01' + interval (i) day as day from range(3) as t(i)"
    )
    return made


Scenario = Callable[[World], object]
SCENARIOS: dict[Hint, Scenario] = {}


def leads_out(*hinted: tuple[str, str]) -> Callable[[Scenario], Scenario]:
    """Say which hints a scenario follows, by module and command."""

    def add(scenario: Scenario) -> Scenario:
        for module, command in hinted:
            SCENARIOS[Hint(module, command)] = scenario
        return scenario

    return add


# Object stores


class Refusing(BaseHTTPRequestHandler):
    """Answers each request with 400."""

    def do_GET(self) -> None:
        self.send_error(400)

    do_PUT = do_HEAD = do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@leads_out(("connectors/files/objects/faults.py", "hygge doctor"))
def a_server_that_is_no_object_store(world: World) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"endpoint: http://127.0.0.1:{server.server_port}, anonymous: true"
        world.write(
            "stores/lake.yml", f"type: parquet\npath: s3://bucket/x\nconnection: {{{endpoint}}}\n"
        )
        said = world.run("go", code=1)
        found = world.follow(said, "hygge doctor", code=1)
        server.shutdown()
    assert "the server answered 400" in found.stdout


# APIs


@leads_out(("connectors/rest/client.py", "hygge doctor"))
def an_api_that_does_not_answer(world: World) -> None:
    world.write(
        "homes/app.yml",
        "type: rest\nurl: http://127.0.0.1:1/\nallow_private: true\nretry_for: 0.1s\npages: none\n"
        "entities: {users: {path: /users}}\n",
    )
    world.flow("retries: 0\n")
    world.follow(world.run("go", code=1), "hygge doctor", code=1)


# Messages about runs


@leads_out(("operations/notify.py", "hygge history {}"))
def a_message_about_a_run(world: World) -> None:
    receiver = "{to: command, on: success, command: [sh, -c, cat > got.json]}"
    world.write("hygge.yml", f"name: test\nnotify: [{receiver}]\n")
    said = world.run("go")
    said.stdout = json.loads((world.root / "got.json").read_text())["text"]
    world.follow(said, "hygge history {}")


# Undo of a whole run


@leads_out(
    ("cli/undo.py", "hygge undo --last-run --dry-run"),
    ("operations/undo.py", "hygge undo --last-run --env {}"),
    ("operations/undo.py", "hygge undo FLOW"),
    ("operations/undo.py", "hygge history {}"),
    ("operations/undo.py", "hygge history --flow {}"),
)
def a_run_to_undo(world: World) -> None:
    world.flow()
    world.run("go")
    world.at_home("insert into users values (9, 'zoe', timestamp '2026-03-01')")
    world.run("go")
    world.follow(world.run("undo", code=2), "hygge undo --last-run --dry-run")
    world.write("environments/prod.yml", "stores: {lake: {path: prod}}\n")
    world.run("go", "--env", "prod")
    world.run("go", "--env", "prod")
    said = world.run("undo", "--last-run", "--dry-run", code=2)
    world.follow(said, "hygge undo --last-run --env {}", code=2)  # nobody says yes here
    world.run("undo", "users", "--yes")
    world.run("go")
    world.run("undo", "users", "--yes")
    said = world.run("undo", "--last-run", "--yes", code=1)
    world.follow(said, "hygge history --flow {}")
    world.flow("entity: users\ninto: others\n" + INCREMENTAL, "others")
    world.run("go")
    world.run("go", "others")
    said = world.run("undo", "--last-run", "--yes", code=2)
    world.follow(said, "hygge history {}")
    (world.root / "flows/others.yml").unlink()
    said = world.run("undo", "--last-run", "--yes", code=2)
    world.follow(said, "hygge undo FLOW", code=2, values={"FLOW": "users"})


# Rows that were put aside


PUT_ASIDE = "on_bad_row: quarantine\nchecks: [{accepted_values: {column: name, values: [bob]}}]\n"


@leads_out(("console/quarantine.py", "hygge quarantine retry {}"))
def rows_put_aside(world: World) -> None:
    world.at_home("update users set name = 'bob' where id > 0")
    world.flow(MERGE + PUT_ASIDE)
    world.run("go")
    world.at_home("update users set name = 'bob'")
    world.follow(world.run("quarantine", "show"), "hygge quarantine retry {}")


@leads_out(
    ("console/quarantine.py", "hygge go {}"),
    ("operations/quarantine.py", "hygge go {}"),
    ("operations/quarantine.py", "hygge quarantine retry {}"),
)
def rows_put_aside_by_an_append(world: World) -> None:
    corrections = {
        "hygge go {}": "update users set name = 'bob', day = timestamp '2026-03-01' where id = 0",
        "hygge quarantine retry {}": "update users set name = 'bob'",
        "hygge go {} --full-refresh": "update users set name = 'bob'",
    }
    for number, (way, correction) in enumerate(corrections.items()):
        world.at_home("update users set name = if(id = 0, 'ann', 'bob')")
        append = f"into: place{number}\n{INCREMENTAL}{PUT_ASIDE}"
        world.flow(append)
        world.run("go", "--adopt")
        said = world.run("quarantine", "retry", "users", code=2)
        if number == 0:
            said = world.run("quarantine", "show")
        world.at_home(correction)
        if "retry" in way:
            world.flow(append.replace(INCREMENTAL, MERGE))
        world.follow(said, way)
        stored = f"from '{world.root}/lake/place{number}/*.parquet' select id order by id"
        assert world.sql("app.db", stored) == [(0,), (1,), (2,)]


@leads_out(("operations/quarantine.py", "hygge quarantine retry {} --entity {}"))
def entities_put_aside_that_are_moved_in_two_ways(world: World) -> None:
    world.at_home("create table pets as select * from users")
    entities = "entities: [users, {name: pets, mode: replace, incremental: null}]"
    world.flow(f"{MERGE}{PUT_ASIDE}{entities}\n")
    world.at_home(*(f"update {one} set name = 'bob' where id > 0" for one in ("users", "pets")))
    world.run("go")
    world.follow(
        world.run("quarantine", "retry", "users", code=2), "hygge quarantine retry {} --entity {}"
    )


# The flow is not as it was


@leads_out(
    ("transform/shape_changes.py", "hygge go {} --backfill"),
    ("transform/shape_changes.py", "hygge go {} --full-refresh"),
    ("transform/shape_changes.py", "hygge go {} --accept-changes"),
)
def a_changed_shape(world: World) -> None:
    world.flow(MERGE)
    world.run("go")
    for number, option in enumerate(("--backfill", "--full-refresh", "--accept-changes")):
        world.flow(MERGE + f"columns: {{name: {{rename: name{number}}}}}\n")
        world.follow(world.run("go", code=1), f"hygge go {{}} {option}")
        world.run("go")


@leads_out(
    ("incremental/resume_point.py", "hygge go FLOW --full-refresh"),
    ("incremental/resume_point.py", "hygge state set FLOW VALUE"),
)
def an_append_that_becomes_incremental(world: World) -> None:
    world.flow("mode: append\n")
    world.run("go")
    world.flow(INCREMENTAL)
    said = world.run("go", code=1)
    world.follow(said, "hygge state set {} VALUE", values={"VALUE": "2026-01-03"})
    world.run("go")
    world.flow("mode: append\nincremental: id\n")
    world.follow(world.run("go", code=1), "hygge go {} --full-refresh")
    world.run("go")


@leads_out(("transform/schema_contract.py", "hygge go FLOW --full-refresh"))
def a_type_that_no_type_holds(world: World) -> None:
    world.flow(INCREMENTAL)
    world.run("go")
    world.at_home("alter table users alter name type int using 5", "update users set day = now()")
    world.follow(world.run("go", code=1), "hygge go {} --full-refresh")
    world.run("go")


@leads_out(
    ("incremental/increment.py", "hygge go FLOW --full-refresh"),
    ("incremental/increment.py", "hygge state set FLOW VALUE"),
)
def a_watermark_of_another_type(world: World) -> None:
    for number, option in enumerate(("state set {} VALUE", "go {} --full-refresh")):
        world.at_home("create or replace table users as select 'x' as name, '2026-01-01' as day")
        world.flow(f"{MERGE.replace('id', 'name')}into: place{number}\n")
        world.run("go")
        world.at_home("alter table users alter day type int using 7")
        said = world.run("plan", code=1)
        world.follow(said, f"hygge {option}", values={"VALUE": "5"})


@leads_out(("incremental/guarantee.py", "hygge go FLOW --full-refresh"))
def a_changed_file_under_a_guarantee(world: World) -> None:
    world.write("homes/app.yml", "type: csv\npath: in\n")
    world.write("in/users/1.csv", "id\n1\n")
    world.flow("mode: append\nincremental: files\nguarantee: exactly-once\n")
    world.run("go")
    world.write("in/users/1.csv", "id\n2\n")
    world.follow(world.run("go", code=1), "hygge go {} --full-refresh")
    world.run("go")


@leads_out(
    ("transform/schema_lock.py", "hygge schema lock {}"),
    ("project/lockfile.py", "hygge schema lock {}"),
)
def a_home_that_left_its_lock(world: World) -> None:
    world.run("schema", "lock", "users")
    world.at_home("alter table users add column mail varchar")
    world.follow(world.run("go", code=1), "hygge schema lock {}")
    world.run("go")
    world.flow("columns: {address: {type: string}}\n")
    world.at_home("alter table users rename mail to address")
    world.follow(world.run("validate", code=1), "hygge schema lock {}")
    world.run("go")


@leads_out(("incremental/resume_point.py", "hygge go {} --full-refresh"))
def a_mask_that_older_rows_do_not_have(world: World) -> None:
    world.flow(INCREMENTAL)
    world.run("go")
    world.at_home("insert into users values (9, 'zoe', timestamp '2026-03-01')")
    world.flow(INCREMENTAL + "columns: {name: {mask: redact}}\n")
    world.follow(world.run("go", "--accept-changes"), "hygge go {} --full-refresh")
    rows = world.sql("app.db", f"from '{world.root}/lake/users/*.parquet' select distinct name")
    assert rows == [("***",)]


# Places in stores


@leads_out(
    ("connectors/files/writing/adoption.py", "hygge go {} --adopt"),
    ("connectors/sql/target.py", "hygge go {} --adopt"),
)
def a_place_that_is_not_the_flow_s(world: World) -> None:
    world.write("lake/users/old.parquet", "not ours")
    world.follow(world.run("go", code=1), "hygge go {} --adopt")
    world.run("go")
    world.store("duckdb")
    shutil.rmtree(world.root / "lake")
    world.sql("lake", "create table users as select 1 as id")
    world.follow(world.run("go", code=1), "hygge go {} --adopt")
    world.run("go")


@leads_out(("connectors/sql/target.py", "hygge go {} --full-refresh"))
def a_table_that_is_gone(world: World) -> None:
    world.store("duckdb")
    world.flow(INCREMENTAL)
    world.run("go")
    world.sql("lake", "drop table users")
    world.follow(world.run("go", code=1), "hygge go {} --full-refresh")
    world.run("go")


@leads_out(
    ("connectors/sql/merging.py", "hygge go {} --full-refresh"),
    ("connectors/files/writing/merging.py", "hygge go {} --full-refresh"),
)
def a_key_that_is_twice_in_the_store(world: World) -> None:
    for store in ("sqlite", "parquet"):
        world.store(store)
        world.flow("mode: append\n")
        world.run("go")
        world.run("go")
        world.flow("mode: merge\nprimary_key: id\n")
        world.follow(world.run("go", code=1), "hygge go {} --full-refresh")
        world.run("go")
        shutil.rmtree(world.root / "lake", ignore_errors=True)
        (world.root / "lake").unlink(missing_ok=True)


@leads_out(("connectors/sql/undo_tables.py", "hygge go {} --full-refresh"))
def an_undo_of_rows_that_others_changed(world: World) -> None:
    world.store("sqlite")
    world.flow("mode: append\nprimary_key: id\nincremental: day\n")
    world.run("go")
    world.at_home("insert into users values (9, 'zoe', timestamp '2026-03-01')")
    world.run("go")
    with sqlite3.connect(world.root / "lake") as lake:
        lake.execute("delete from users where id = 0")
    world.follow(world.run("undo", "users", "--yes", code=1), "hygge go {} --full-refresh")
    world.run("go")


@leads_out(("connectors/files/writing/target.py", "hygge go {} --full-refresh"))
def an_undo_of_files_that_others_changed(world: World) -> None:
    world.flow(INCREMENTAL)
    world.run("go")
    world.at_home("insert into users values (9, 'zoe', timestamp '2026-03-01')")
    world.run("go")
    next((world.root / "lake/users").glob("part-00000002*.parquet")).write_text("changed")
    world.follow(world.run("undo", "users", "--yes", code=1), "hygge go {} --full-refresh")
    world.run("go")


@leads_out(
    ("operations/undo.py", "hygge go FLOW --full-refresh"),
    ("operations/undo.py", "hygge undo {} --entity {}"),
)
def an_undo_of_what_was_not_kept(world: World) -> None:
    world.flow("keep_generations: 0\n")
    world.run("go")
    world.follow(world.run("undo", "users", "--yes", code=1), "hygge go {} --full-refresh")


@leads_out(("cli/undo.py", "hygge undo {} --yes"))
def an_undo_that_nobody_confirmed(world: World) -> None:
    world.run("go")
    world.run("go")
    world.follow(world.run("undo", "users", code=2), "hygge undo {} --yes")


@leads_out(("operations/state.py", "hygge go {} --adopt"))
def a_flow_that_was_renamed_by_hand(world: World) -> None:
    world.flow(INCREMENTAL)
    world.run("go")
    (world.root / "flows/users.yml").unlink()
    world.flow("entity: users\ninto: users\n" + INCREMENTAL, name="people")
    said = world.run("state", "set", "people", "2026-01-02", code=1)
    world.follow(said, "hygge go {} --adopt")
    world.run("state", "set", "people", "2026-01-02")


@leads_out(("cli/rename.py", "hygge go {} --adopt --env {}"))
def a_rename_while_a_store_cannot_be_read(world: World) -> None:
    world.store("sqlite")
    world.flow(INCREMENTAL)
    world.run("go")
    (world.root / "lake").rename(world.root / "away")
    (world.root / "lake").write_text("no database " * 100)
    said = world.run("rename", "flow", "users", "people", code=1)
    (world.root / "away").replace(world.root / "lake")
    world.follow(said, "hygge go {} --adopt --env {}")
    world.run("go")


@leads_out(("scaffold/rename.py", "hygge list"), ("scaffold/rename.py", "hygge validate"))
def a_rename_of_what_cannot_be_renamed(world: World) -> None:
    said = world.run("rename", "flow", "nobody", "people", code=2)
    world.follow(said, "hygge list")
    world.write("flows/users.yml", "home: [\n")
    said = world.run("rename", "flow", "users", "people", code=2)
    assert "users.yml" in world.follow(said, "hygge validate", code=1).stdout


# Comparing


@leads_out(
    ("operations/verify/compare.py", "hygge go {}"),
    ("operations/verify/compare.py", "hygge verify {}"),
)
def a_comparison_of_nothing_and_of_another_flow(world: World) -> None:
    world.follow(world.run("verify", "users", code=1), "hygge go {}")
    world.run("verify", "users")
    world.flow("entities: [users]\n", name="others")
    (world.root / "flows/users.yml").write_text("home: app\nstore: lake\ninto: elsewhere\n")
    world.follow(world.run("verify", "others", code=1), "hygge verify {}", code=1)


@leads_out(("operations/verify/sides.py", "hygge go FLOW --full-refresh"))
def a_comparison_with_a_column_that_somebody_dropped(world: World) -> None:
    world.store("duckdb")
    world.run("go")
    world.sql("lake", "alter table users drop column name")
    world.follow(world.run("verify", "users", code=1), "hygge go {} --full-refresh")
    world.run("verify", "users")


# Names that nothing has


@leads_out(
    ("connectors/duckdb/home.py", "hygge discover HOME"),
    ("connectors/sqlite/home.py", "hygge discover HOME"),
)
def a_table_that_the_home_does_not_have(world: World) -> None:
    world.flow("entities: [nobody]\n")
    assert "users" in world.follow(world.run("go", code=1), "hygge discover {}").stdout
    with sqlite3.connect(world.root / "app.lite") as lite:
        lite.execute("create table users (id int)")
    world.write("homes/app.yml", "type: sqlite\npath: app.lite\n")
    assert "users" in world.follow(world.run("go", code=1), "hygge discover {}").stdout


@leads_out(
    ("engine/plan.py", "hygge list"),
    ("project/project.py", "hygge list"),
    ("operations/doctor.py", "hygge list"),
    ("scaffold/destroy.py", "hygge list"),
)
def a_name_that_the_project_does_not_have(world: World) -> None:
    for words in (
        ["go", "nobody"],
        ["show", "nobody"],
        ["doctor", "nobody"],
        ["destroy", "flow", "nobody"],
        ["go", "--entity", "nothing"],
    ):
        assert "users" in world.follow(world.run(*words, code=2), "hygge list").stdout


@leads_out(("engine/plan.py", "hygge show {}"))
def a_glob_that_matches_nothing(world: World) -> None:
    world.flow('entities: ["nobody*"]\n')
    assert "nobody*" in world.follow(world.run("go", code=1), "hygge show {}").stdout


@leads_out(("operations/discover.py", "hygge doctor {}"))
def a_home_with_nothing_in_it(world: World) -> None:
    world.at_home("drop table users")
    world.follow(world.run("discover", "app", code=2), "hygge doctor {}")


@leads_out(("scaffold/discovery.py", "hygge discover {}"))
def new_flows_of_nothing(world: World) -> None:
    said = world.run("new", "flows", "--from", "app", "--exclude", "*", code=2)
    world.follow(said, "hygge discover {}")


# Backfills, limits, state


@leads_out(("engine/plan.py", "hygge go {} --full-refresh"))
def a_backfill_of_an_append(world: World) -> None:
    world.flow(INCREMENTAL)
    world.run("go")
    world.follow(world.run("go", "--backfill", code=2), "hygge go {} --full-refresh")


@leads_out(("incremental/backfill.py", "hygge go FLOW --from 2026-01-01 --to 2026-02-01"))
def a_range_that_is_none(world: World) -> None:
    world.flow(INCREMENTAL)
    world.run("go")
    said = world.run("go", "--from", "2026-02-01", "--to", "2026-01-01", code=1)
    world.follow(said, "hygge go {} --from 2026-01-01 --to 2026-02-01")


@leads_out(("cli/state.py", "hygge state set {} --entity {} {}"))
def a_value_for_several_entities(world: World) -> None:
    world.at_home("create table roles as from users")
    world.flow("entities: [users, roles]\n" + INCREMENTAL)
    world.run("go")
    said = world.run("state", "set", "users", "2026-01-02", code=2)
    world.follow(said, "hygge state set {} --entity {} {}")


@leads_out(("cli/go_run.py", "hygge plan {}"), ("cli/go_run.py", "hygge go {}"))
def a_full_refresh_where_that_is_protected(world: World) -> None:
    world.write("hygge.yml", "name: test\nprotected: true\n")
    said = world.run("go", "users", "--full-refresh", code=2)
    world.follow(said, "hygge plan {} --full-refresh --allow-protected")
    world.follow(said, "hygge go {} --full-refresh --allow-protected")
    said = world.run("plan", "--full-refresh", code=2)
    world.follow(said, "hygge go --full-refresh --allow-protected")


@leads_out(
    ("engine/plan.py", "hygge go {} --limit {} --into-scratch"),
    ("incremental/guards.py", "hygge go {} --limit {} --into-scratch"),
)
def a_limit_that_would_lose_rows(world: World) -> None:
    way = "hygge go {} --limit {} --into-scratch"
    world.run("go")
    world.follow(world.run("go", "--limit", "1", code=1), way)
    world.flow(INCREMENTAL)
    world.follow(world.run("go", "--limit", "1", code=2), way)


@leads_out(("engine/move.py", "hygge undo"), ("operations/preview.py", "hygge undo {}"))
def a_table_that_lost_most_of_its_rows(world: World) -> None:
    file = world.root / "in/users.parquet"
    file.parent.mkdir()
    world.write("homes/app.yml", "type: parquet\npath: in\n")
    world.at_home(f"copy users to '{file}' (format parquet)")
    world.run("go")
    world.at_home(f"copy (from users limit 1) to '{file}' (format parquet)")
    planned = world.run("plan")
    said = world.run("go")
    for text in (planned, said):
        world.follow(text, "hygge undo {}", code=2)
    world.run("undo", "users", "--yes")


@leads_out(("cli/projects.py", "hygge validate"))
def a_mistake_elsewhere(world: World) -> None:
    world.flow("mode: sideways\n", name="draft")
    said = world.run("go", "users")
    assert "draft" in world.follow(said, "hygge validate", code=1).stdout


@leads_out(("connectors/files/reading/data_file.py", "hygge go FLOW"))
def a_file_that_is_written_while_it_is_read(world: World) -> None:
    world.write("homes/app.yml", "type: csv\npath: in\n")
    world.write("in/users/1.csv", "id\n" + "1\n" * 2_000_000)
    world.flow("retries: 0\n")
    ended = threading.Event()

    def write() -> None:
        while not ended.wait(0.005):
            os.utime(world.root / "in/users/1.csv")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        said = world.run("go", code=1)
    finally:
        ended.set()
        writer.join()
    world.follow(said, "hygge go {}")


@leads_out(("connectors/files/writing/rereading.py", "hygge go FLOW --full-refresh"))
def a_file_of_the_store_with_fewer_rows(world: World) -> None:
    world.store("csv")
    world.flow("mode: merge\nprimary_key: id\nselect: [id]\n")
    world.run("go")
    (part,) = (world.root / "lake/users").glob("*.csv")
    part.write_text(part.read_text().replace("1\n2", "132"))
    world.follow(world.run("go", code=1), "hygge go {} --full-refresh")
    world.run("go")


@leads_out(("connectors/files/reading/signatures.py", "hygge types"))
def a_file_of_another_kind(world: World) -> None:
    world.run("go")
    world.write("homes/app.yml", "type: csv\npath: in\n")
    (world.root / "in").mkdir()
    shutil.copy(next((world.root / "lake/users").glob("*.parquet")), world.root / "in/users.csv")
    assert "parquet" in world.follow(world.run("go", code=1), "hygge types").stdout


# Runs


@leads_out(("console/summary.py", "hygge go --retry-failed"))
def a_run_that_failed(world: World) -> None:
    world.at_home("alter table users rename to people")
    said = world.run("go", code=1)
    world.at_home("alter table people rename to users")
    assert "1 ok" in world.follow(said, "hygge go --retry-failed").stdout


@leads_out(
    ("console/status.py", "hygge history {}"), ("console/status.py", "hygge history --failed")
)
def a_status_of_failures(world: World) -> None:
    world.flow("entities: [a, b, c, d, e, f]\n")
    world.run("go", code=1)
    said = world.run("status", code=1)
    for way in ("hygge history --failed", "hygge history {}"):
        assert "no table 'f'" in world.follow(said, way).stdout


@leads_out(("journal/reports.py", "hygge go"))
def a_retry_of_nothing(world: World) -> None:
    world.follow(world.run("go", "--retry-failed", code=2), "hygge go")


@leads_out(("journal/reports.py", "hygge list"))
def a_retry_after_a_report_was_damaged(world: World) -> None:
    world.run("go")
    for report in (world.root / ".hygge/runs").glob("*.json"):
        if not report.is_symlink():
            report.write_text("{")
    world.follow(world.run("go", "--retry-failed", code=2), "hygge list")


@leads_out(("cli/history.py", "hygge history"), ("cli/history.py", "hygge history --since"))
def a_run_that_nobody_remembers(world: World) -> None:
    world.run("go")
    world.follow(world.run("history", "ffff", code=2), "hygge history")
    world.follow(world.run("history", "--since", "soon", code=2), "hygge history --since {}")


# The project


@leads_out(
    ("cli/init.py", "hygge validate"),
    ("cli/init.py", "hygge go"),
    ("cli/init.py", "hygge types"),
    ("cli/init.py", "hygge new home NAME --type TYPE key=value"),
)
def a_new_project(world: World) -> None:
    said = world.run("init", "fresh")
    inside = World(world.root / "fresh")
    inside.follow(said, "hygge validate")
    inside.follow(said, "hygge go")
    said = world.run("init", "bare", "--bare")
    inside = World(world.root / "bare")
    inside.follow(said, "hygge types")
    values = {"NAME": "files", "TYPE": "csv", "key=value": "path=in"}
    inside.follow(said, "hygge new home NAME --type TYPE key=value", values=values)


@leads_out(
    ("project/discovery.py", "hygge init NAME"),
    ("project/files.py", "hygge init NAME"),
    ("cli/validate.py", "hygge validate --discover"),
)
def a_place_without_a_project(world: World) -> None:
    bare = World(world.root / "nothing")
    bare.root.mkdir()
    (world.root / "hygge.yml").rename(world.root / "nothing.yml")
    said = bare.run("validate", code=2)
    bare.follow(said, "hygge init NAME", values={"NAME": "made"})
    bare.follow(said, "hygge validate --discover")
    other = World(world.root / "other")
    other.root.mkdir()
    other.follow(other.run("go", code=2), "hygge init NAME", values={"NAME": "made"})


@leads_out(("console/show.py", "hygge new flow NAME"))
def a_project_without_flows(world: World) -> None:
    (world.root / "flows/users.yml").unlink()
    world.follow(world.run("list"), "hygge new flow NAME", values={"NAME": "users"})
    world.run("validate")


@leads_out(("console/types.py", "hygge types TYPE"))
def the_list_of_types(world: World) -> None:
    world.follow(world.run("types"), "hygge types TYPE", values={"TYPE": "csv"})


@leads_out(
    ("project/assembly.py", "hygge types"),
    ("registry.py", "hygge types"),
    ("project/flow_rules.py", "hygge types"),
)
def a_type_that_is_missing_or_unknown(world: World) -> None:
    for text in ("path: app.db\n", "type: nothing\npath: app.db\n"):
        world.write("homes/app.yml", text)
        assert "duckdb" in world.follow(world.run("validate", code=1), "hygge types").stdout
    world.write("homes/app.yml", "type: csv\npath: in\n")
    world.flow("query: select 1\n")
    world.follow(world.run("validate", code=1), "hygge types")


@leads_out(
    ("project/assembly.py", "hygge new {} NAME --type TYPE key=value"),
    ("project/assembly.py", "hygge new {} {} --type TYPE key=value"),
    ("scaffold/flows.py", "hygge new {} NAME --type TYPE key=value"),
)
def a_home_that_is_missing(world: World) -> None:
    values = {"NAME": "app", "TYPE": "duckdb", "key=value": "path=app.db"}
    for text in ("home: app\nstore: lake\n", "store: lake\n"):
        (world.root / "homes/app.yml").unlink()
        world.write("flows/users.yml", text)
        said = world.run("validate", code=1)
        world.follow(said, "hygge new home {} --type TYPE key=value", values=values)
        world.run("go")
    (world.root / "homes/app.yml").unlink()
    (world.root / "flows/users.yml").unlink()
    said = world.run("new", "flow", "users", code=2)
    world.follow(said, "hygge new home NAME --type TYPE key=value", values=values)
    world.run("new", "flow", "users")


@leads_out(("scaffold/connectors.py", "hygge new {} {} --type {} key=value"))
def a_new_home_with_wrong_words(world: World) -> None:
    said = world.run("new", "home", "files", "--type", "csv", "in", code=2)
    values = {"key=value": "path=in"}
    world.follow(said, "hygge new home files --type csv key=value", values=values)


@leads_out(("scaffold/lock_file.py", "hygge schema lock"))
def the_head_of_a_lock_file(world: World) -> None:
    world.run("schema", "lock", "users")
    text = (world.root / "flows/users.lock.yml").read_text()
    world.follow(CompletedProcess([], 0, text, ""), "hygge schema lock {}")


@leads_out(("project/flow_rules.py", "hygge destroy {} {}"))
def a_home_that_no_flow_uses(world: World) -> None:
    world.write("homes/spare.yml", "type: csv\npath: in\n")
    world.follow(world.run("validate"), "hygge destroy home spare")
    assert "HG213" not in world.run("validate").stdout


@leads_out(("cli/validate.py", "hygge validate"))
def a_check_of_a_file_that_is_not_there(world: World) -> None:
    world.follow(world.run("validate", "flows/nobody.yml", code=2), "hygge validate")


OUT_OF_REACH: dict[Hint, str] = {
    Hint(
        "operations/state.py", "hygge state show FLOW"
    ): "another run must commit within one `state set`",
    Hint(
        "operations/undo.py", "hygge undo {} --entity {}"
    ): "a place must change between two looks at it",
    Hint("scaffold/flows.py", "hygge new flow --help"): "each wrong key of a flow has its help",
    Hint("project/diagnostics.py", "hygge validate"): "commands print every mistake instead",
    Hint("project/diagnostics.py", "hygge validate --env-check"): "commands print each instead",
    Hint("scaffold/connectors.py", "hygge types {}"): "each wrong key of a home has its help",
    Hint("connectors/odbc/home.py", "hygge discover HOME"): "see test_a_missing_table_leads_on",
    Hint("connectors/sql/server.py", "hygge discover HOME"): "see test_a_missing_table_leads_on",
    Hint(
        "connectors/messages/gaps.py", "hygge go FLOW --full-refresh"
    ): "see test_a_stream_leads_on",
    Hint("connectors/redis/connection.py", "hygge doctor HOME"): "see test_a_stream_leads_on",
    Hint("connectors/redis/home.py", "hygge discover HOME"): "see test_a_stream_leads_on",
}
"""Hints that no scenario can reach by itself, and why."""


@pytest.mark.parametrize("hint", hints(), ids=str)
def test_a_hint_is_followed_by_a_scenario(hint: Hint) -> None:
    assert hint in SCENARIOS or hint in OUT_OF_REACH, f"write a scenario that follows {hint}"


@pytest.mark.parametrize(
    "scenario", dict.fromkeys(SCENARIOS.values()), ids=lambda one: one.__name__
)
def test_a_hint_leads_out(world: World, scenario: Scenario) -> None:
    scenario(world)


def test_no_scenario_is_of_a_hint_that_is_gone() -> None:
    assert not {*SCENARIOS, *OUT_OF_REACH} - set(hints())


@pytest.mark.parametrize("server", ["postgres", "mysql"])
def test_a_missing_table_leads_on(
    world: World, server: str, request: pytest.FixtureRequest
) -> None:
    database: Postgres | Mysql = request.getfixturevalue(server)
    database.run("CREATE TABLE people (id int)")
    world.write("homes/app.yml", yaml.safe_dump(database.settings()))
    said = world.run("go", code=1)
    assert "people" in world.follow(said, "hygge discover {}").stdout


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[tuple[redis.Redis, str]]:
    """A Redis, and the beginning of keys that are removed afterwards."""
    prefix = f"{tmp_path}/"
    with redis.Redis.from_url(redis_url()) as client:
        yield client, prefix
        for key in client.scan_iter(f"{prefix}*"):
            client.delete(key)


def test_a_stream_leads_on(world: World, stream: tuple[redis.Redis, str]) -> None:
    client, prefix = stream
    home = f"type: redis\nprefix: '{prefix}'\nmetadata: [id]\n"
    client.xadd(f"{prefix}people", {"name": "ann"})
    world.write("homes/app.yml", f"{home}url: redis://127.0.0.1:1/0\n")
    world.flow("retries: 0\n")
    world.follow(world.run("go", code=1), "hygge doctor {}", code=1)
    world.write("homes/app.yml", f"{home}url: {redis_url()}\n")
    said = world.follow(world.run("go", code=1), "hygge discover {}")
    assert "people" in said.stdout
    for name in ("ben", "cat", "dan"):
        client.xadd(f"{prefix}users", {"name": name})
    world.run("go")
    for name in ("eve", "fay"):
        client.xadd(f"{prefix}users", {"name": name})
    client.xtrim(f"{prefix}users", maxlen=1, approximate=False)
    said = world.run("go", code=1)
    assert "HG556" in said.stdout
    world.follow(said, "hygge go {} --full-refresh")
