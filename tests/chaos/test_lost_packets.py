"""A network that swallows packets in the middle of a move."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from projects import write_project
from proxies import proxy
from servers import Postgres

from chaos.networks import network
from chaos.projects_of_rows import Rows, project_of, write_rows

ROWS: Rows = [(number, "x" * 30) for number in range(5_000)]


def test_a_network_that_swallows_packets_ends_the_run_in_words(
    tmp_path: Path, postgres: Postgres
) -> None:
    host, port = postgres.address
    with network() as lossy, proxy(host, port, listens=lossy.address) as wire:

        def swallow(data: bytes) -> str:
            if b"COPY" in data:
                lossy.swallow()
            return "pass"

        root = project_of(tmp_path / "project", "csv", "merge", "into: moved\n")
        write_rows(root, ROWS)
        url = re.sub(r"@[^/]*/", f"@{lossy.address}:{wire.port}/", postgres.url)
        url += f"{'&' if '?' in url else '?'}sslmode=disable"
        store = f"type: postgres\nurl: {url}\nschema: {postgres.schema}\n"
        store += "read_timeout: 2s\nconnect_timeout: 2s\n"
        write_project(root, {"stores/lake.yml": store})
        command = lossy.words(sys.executable, "-m", "hygge", "go", "--progress", "plain")

        def go() -> subprocess.CompletedProcess[str]:
            env = {**os.environ, "NO_COLOR": "1"}
            return subprocess.run(
                command, cwd=root, env=env, capture_output=True, text=True, timeout=600, check=False
            )

        wire.judge = swallow
        lost = go()
        assert lost.returncode == 1, lost.stdout + lost.stderr
        assert re.search(r"\[HG\d{3}\]: \S", lost.stdout)
        assert "internal error" not in lost.stdout + lost.stderr
        wire.judge = lambda data: "pass"
        lossy.restore()
        wire.cut_all()
        again = go()
        assert again.returncode == 0, again.stdout + again.stderr
        assert postgres.run("SELECT id, name FROM moved ORDER BY id") == ROWS
