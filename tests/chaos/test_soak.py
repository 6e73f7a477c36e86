"""Rounds of a random flow and a random fault, run again until it ends well: nothing is lost.

A round moves three sets of rows, one after another, each time with something going wrong first.
What the store holds is compared after each step by its own SQL, or DuckDB's. A round that fails
names its seed: `HYGGE_CHAOS_SEED=… make chaos` repeats it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from projects import write_project
from proxies import Verdict, proxy
from servers import Mysql, Postgres

from chaos.faults import Fault, Faulty, calls_of, faulty
from chaos.projects_of_rows import Rows, held, project_of, write_rows

SEED = int(os.environ.get("HYGGE_CHAOS_SEED", "20240229"))
ROUNDS = int(os.environ.get("HYGGE_CHAOS_ROUNDS", "6"))
FILES = ("parquet", "csv", "jsonl", "sqlite", "duckdb")
SERVERS = ("postgres", "mysql")
CODES = ("EIO", "ENOSPC", "ESTALE", "ENOENT", "EACCES", "EMFILE")
TRIES = 5
"""Runs without a fault that may fail after one with it: a server notices a dead client late."""


@pytest.fixture(scope="module")
def faults() -> Iterator[Faulty]:
    with faulty() as one:
        yield one


@dataclass(frozen=True, slots=True)
class Place:
    """A project, what it holds, and what can go wrong with it."""

    root: Path
    mode: str
    held: Callable[[], Rows]
    judge: Callable[[Verdict], None] | None = None
    """Sets what a proxy before the server does; None where there is no server."""


def place_of(
    root: Path, dice: random.Random, request: pytest.FixtureRequest, needed: ExitStack
) -> Place:
    kind = dice.choice([*FILES, *SERVERS])
    mode = dice.choice(["replace", "append", "merge"])
    more = "incremental: id\n" if mode == "append" else ""
    if kind in FILES:
        project_of(root, kind, mode, more)
        return Place(root, mode, lambda: held(root, kind))
    project_of(root, "csv", mode, more)
    server: Postgres | Mysql = request.getfixturevalue(kind)
    host, port = server.address if isinstance(server, Postgres) else mysql_address(server)
    wire = needed.enter_context(proxy(host, port))
    address = f"{host}:{port}"
    settings = server.settings()
    url = str(settings["url"]).replace(address, f"127.0.0.1:{wire.port}")
    schema = f"schema: {settings['schema']}\n" if "schema" in settings else ""
    write_project(root, {"stores/lake.yml": f"type: {kind}\nurl: {url}\n{schema}"})

    def rows() -> Rows:
        try:
            return [(int(row[0]), str(row[1])) for row in server.run("SELECT id, name FROM rows_")]
        except Exception as error:
            if "rows_" not in str(error):
                raise
            return []

    (root / "flows/rows.yml").write_text(
        (root / "flows/rows.yml").read_text() + "entity: rows\ninto: rows_\n"
    )

    def judge(verdict: Verdict) -> None:
        wire.judge = verdict

    return Place(root, mode, lambda: sorted(rows()), judge)


def mysql_address(server: Mysql) -> tuple[str, int]:
    host, _, port = server.url.partition("@")[2].partition(":")
    return host, int(port or 3306)


def at_message(number: int, verdict: str) -> Verdict:
    """Return a judge that gives `verdict` to the message of this number, and passes the others."""
    sent = iter(range(1, 1_000_000))
    return lambda data: verdict if next(sent) == number else "pass"


def go_wrong(place: Place, faults: Faulty, dice: random.Random) -> str:
    """Run once with a fault; return what was wrong and what was printed."""
    fault: Fault | None = None
    if place.judge is not None and dice.random() < 0.7:
        number, verdict = dice.randint(1, 80), dice.choice(["cut", "mute"])
        place.judge(at_message(number, verdict))
        told = f"{verdict} at message {number}"
    else:
        code = None if dice.random() < 0.5 else dice.choice(CODES)
        fault = Fault(dice.randint(1, 420), code, times=dice.choice([1, 1, 3]))
        told = str(fault)
    done = faults.run(place.root, "go", "--progress", "plain", fault=fault)
    if place.judge is not None:
        place.judge(lambda data: "pass")
    printed = done.stdout + done.stderr
    hit = [call for call in calls_of(place.root) if call.is_hit]
    assert "internal error" not in printed, f"{told} {hit}: {printed}"
    assert "Traceback" not in printed, f"{told} {hit}: {printed}"
    return f"{told} {hit}, exit {done.returncode}:\n{printed}"


@pytest.mark.parametrize("number", range(ROUNDS))
def test_after_any_fault_the_next_run_makes_it_whole(
    tmp_path: Path, request: pytest.FixtureRequest, faults: Faulty, number: int
) -> None:
    dice = random.Random(f"{SEED}-{number}")
    with ExitStack() as needed:
        place = place_of(tmp_path / "project", dice, request, needed)
        story = f"HYGGE_CHAOS_SEED={SEED}, round {number}: {place.root}, {place.mode}"
        state: Rows = []
        for step in range(3):
            moved = [(100 * step + row, dice.choice("abc")) for row in range(dice.randint(1, 6))]
            if place.mode == "merge" and state:
                moved = sorted({**dict(moved), state[0][0]: "new"}.items())
            write_rows(place.root, moved)
            after = (
                moved if place.mode == "replace" else sorted({**dict(state), **dict(moved)}.items())
            )
            story += f"\nstep {step}: {go_wrong(place, faults, dice)}"
            assert place.held() in (state, after), story
            for _ in range(TRIES):
                done = faults.run(place.root, "go")
                if done.returncode == 0:
                    break
            assert done.returncode == 0, f"{story}\nand then:\n{done.stdout}{done.stderr}"
            assert place.held() == after, f"{story}\nand then:\n{done.stdout}{done.stderr}"
            state = after
