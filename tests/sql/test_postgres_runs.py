"""Whole runs of PostgreSQL as a user starts them: memory, many tables, lost connections."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

from projects import HYGGE, hygge, write_project
from proxies import once, proxy
from servers import Postgres

ROWS = 5_000_000
MOST_BYTES = 400 * 2**20
PEAK = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(code)
"""


def server_of(postgres: Postgres, **more: object) -> str:
    return "".join(f"{key}: {value}\n" for key, value in postgres.settings(**more).items())


def peak(root: Path, *words: str) -> int:
    """Run hygge and return the most memory it held, in bytes."""
    (root / "peak.py").write_text(PEAK)
    ran = subprocess.run(
        [HYGGE[0], "peak.py", *HYGGE, *words],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return int(ran.stdout.splitlines()[-1])


def test_five_million_rows_come_and_go_within_400_megabytes(
    tmp_path: Path, postgres: Postgres
) -> None:
    postgres.run(
        "CREATE UNLOGGED TABLE events AS SELECT g AS id, g % 1000 AS customer, "
        "(g % 100000)::numeric(12,2) AS amount, md5(g::text) AS token, "
        f"timestamptz '2020-01-01' + g * interval '1 s' AS at FROM generate_series(1, {ROWS}) g"
    )
    root = write_project(
        tmp_path / "project",
        {
            "homes/db.yml": server_of(postgres),
            "homes/lake.yml": "type: parquet\npath: lake\n",
            "stores/db.yml": server_of(postgres),
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "flows/down.yml": "home: db\nstore: lake\nentity: events\n",
            "flows/up.yml": "home: lake\nstore: db\nentity: events\ninto: back\n",
        },
    )
    assert peak(root, "go", "down") <= MOST_BYTES
    assert peak(root, "go", "up") <= MOST_BYTES
    sums = "SELECT count(*), sum(id), sum(customer), sum(amount), max(at), max(token) FROM"
    assert postgres.run(f"{sums} events") == postgres.run(f"{sums} back")


def test_three_hundred_tables_share_few_connections(tmp_path: Path, postgres: Postgres) -> None:
    postgres.run(
        "DO $$ BEGIN FOR n IN 1..300 LOOP EXECUTE format('CREATE UNLOGGED TABLE t%s AS "
        "SELECT g AS id, %s AS n FROM generate_series(1, 10) g', n, n); END LOOP; END $$"
    )
    name = f"many-{postgres.schema}"
    url = postgres.url_with(f"application_name={name}")
    root = write_project(
        tmp_path / "project",
        {
            "hygge.yml": "name: many\nconcurrency: 16\n",
            "homes/db.yml": server_of(postgres, url=url, max_connections=6),
            "stores/lake.yml": "type: arrow\npath: lake\n",
            "flows/all.yml": 'home: db\nstore: lake\nentities: ["*"]\nsnapshot: shared\n',
        },
    )
    most, is_over = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        sql = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'"
        while not is_over.wait(0.01):
            most = max(most, postgres.run(sql)[0][0])

    watcher = threading.Thread(target=watch)
    watcher.start()
    done = hygge(root, "go")
    is_over.set()
    watcher.join()
    assert done.returncode == 0, done.stdout + done.stderr
    moves = json.loads((root / ".hygge/runs/latest.json").read_text())["outcomes"]
    assert len(moves) == 300
    assert {move["rows"] for move in moves} == {10}
    assert 2 <= most <= 7  # six, and the one that holds the snapshot


def test_a_run_goes_on_after_its_connection_was_cut(tmp_path: Path, postgres: Postgres) -> None:
    rows = "SELECT g AS id, repeat(md5(g::text), 9) AS x FROM generate_series(1, 60000) g"
    postgres.run(f"CREATE TABLE t AS {rows}")
    with proxy(*postgres.address, once(b"COPY (SELECT", "mute")) as wire:
        root = write_project(
            tmp_path / "project",
            {
                "homes/db.yml": server_of(postgres, host="127.0.0.1", port=wire.port),
                "stores/db.yml": server_of(postgres),
                "flows/t.yml": "home: db\nstore: db\ninto: copy\nmode: append\n",
            },
        )
        done = hygge(root, "go")
    assert done.returncode == 0, done.stdout + done.stderr
    (move,) = json.loads((root / ".hygge/runs/latest.json").read_text())["outcomes"]
    assert move["attempts"] == 2
    assert postgres.run("SELECT count(*), count(DISTINCT id) FROM copy") == [(60000, 60000)]


def test_a_lost_answer_to_a_commit_moves_the_rows_once(tmp_path: Path, postgres: Postgres) -> None:
    postgres.run("CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 500) g")
    seen = threading.Event()
    at_end = once(b"COMMIT", "mute")

    def judge(data: bytes) -> str:
        if b"_hygge_commits" in data and b"INSERT INTO" in data:
            seen.set()
        return at_end(data) if seen.is_set() else "pass"

    with proxy(*postgres.address, judge) as wire:
        root = write_project(
            tmp_path / "project",
            {
                "homes/db.yml": server_of(postgres),
                "stores/db.yml": server_of(postgres, host="127.0.0.1", port=wire.port),
                "flows/t.yml": "home: db\nstore: db\ninto: copy\nmode: append\n",
            },
        )
        done = hygge(root, "go")
    assert done.returncode == 0, done.stdout + done.stderr
    (move,) = json.loads((root / ".hygge/runs/latest.json").read_text())["outcomes"]
    assert (move["result"], move["seq"], move["attempts"]) == ("ok", 1, 1)
    assert postgres.run("SELECT count(*) FROM copy") == [(500,)]
