"""A real pgbouncer between hygge and PostgreSQL, for tests of what poolers do to sessions."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from in_memory import IS_ROOT, free_port, program
from servers import Postgres, without


@contextmanager
def pgbouncer(server: Postgres, place: Path, *, mode: str, size: int) -> Iterator[int]:
    """Run pgbouncer in `mode` with at most so many sessions on the server; yield its port."""
    found = program("pgbouncer")
    if found is None:
        without("pgbouncer", "it is not installed")
    host, backend = server.address
    port = free_port()
    place.mkdir()
    users, settings = place / "users", place / "pgbouncer.ini"
    users.write_text('"postgres" ""\n')
    settings.write_text(
        f"[databases]\ntest = host={host} port={backend} dbname=test\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
        f"auth_file = {users}\npool_mode = {mode}\ndefault_pool_size = {size}\n"
        f"max_db_connections = {size}\nlogfile = /dev/null\n"
    )
    let_in(place)
    account = ["-u", "postgres"] if IS_ROOT else []
    command = [str(found), *account, str(settings)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.kill()


def let_in(place: Path) -> None:
    """Let servers, which run as a user of their own, into a folder of a test."""
    for one in (place, *place.parents):
        about = one.stat()
        if about.st_uid == os.getuid() and about.st_mode & 0o055 != 0o055:
            one.chmod(0o755)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"pgbouncer ended with {process.returncode}")
