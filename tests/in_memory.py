"""Runs a command with servers of its own and temporary files in memory: no test waits for a disk.

As a script: `python in_memory.py COMMAND...` ends as the command does. A server is started where
its programs are installed and no HYGGE_TEST_…_URL names another. Tests kill processes of hygge,
never a server or the machine, so nothing that they prove hangs on what has reached a disk.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

MEMORY = Path("/dev/shm")
LEAST_FREE = 8 * 2**30
POSTGRES, MYSQL = "HYGGE_TEST_POSTGRES_URL", "HYGGE_TEST_MYSQL_URL"
IS_ROOT = os.getuid() == 0
AS_POSTGRES = {"user": "postgres", "group": "postgres", "extra_groups": []} if IS_ROOT else {}
"""PostgreSQL does not run as root."""


def is_fit() -> bool:
    """Whether there is a file system in memory that has room and runs programs."""
    if not os.access(MEMORY, os.W_OK):
        return False
    about = os.statvfs(MEMORY)
    said = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    free = min(about.f_bavail * about.f_frsize, int(said["MemAvailable"].split()[0]) * 1024)
    return free >= LEAST_FREE and not about.f_flag & os.ST_NOEXEC


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def program(name: str) -> str | None:
    """Return where a program is; Debian has a folder for those of PostgreSQL's server."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places = [os.environ.get("PATH", os.defpath), "/usr/sbin", *map(str, folders)]
    return shutil.which(name, path=os.pathsep.join(places))


def called(words: list[str], place: Path, **how: Any) -> None:  # noqa: ANN401
    """Run a program to its end; what it says is of interest to nobody, unless it fails."""
    said = place / "said"
    with said.open("wb") as file:
        done = subprocess.run(words, cwd=place, stdout=file, stderr=file, check=False, **how)
    if done.returncode:
        sys.exit(f"{words[0]} failed:\n{said.read_text(errors='replace')}")


@contextmanager
def postgres(place: Path) -> Iterator[str | None]:
    """Start PostgreSQL in `place`; its URL, or None where it is not installed."""
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    if initdb is None or pg_ctl is None:
        yield None
        return
    if IS_ROOT:
        shutil.chown(place, "postgres", "postgres")
    data, port = str(place / "data"), free_port()
    made = [initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
    called([*made, "--no-sync"], place, **AS_POSTGRES)
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": place,
        "fsync": "off",
        "full_page_writes": "off",
        "autovacuum": "off",
    }
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    ctl = [pg_ctl, "-D", data, "-w", "-l", str(place / "server.log")]
    called([*ctl, "-o", options, "start"], place, process_group=0, **AS_POSTGRES)
    try:
        url = f"postgresql://postgres@127.0.0.1:{port}"
        with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE test")
        yield f"{url}/test"
    finally:
        called([*ctl, "-m", "immediate", "stop"], place, **AS_POSTGRES)


@contextmanager
def mysql(place: Path) -> Iterator[str | None]:
    """Start MariaDB in `place`; its URL, or None where it is not installed."""
    install, server = program("mariadb-install-db"), program("mariadbd")
    if install is None or server is None:
        yield None
        return
    port = free_port()
    data = ["--no-defaults", f"--datadir={place / 'data'}", *(["--user=root"] if IS_ROOT else [])]
    called([install, *data, "--auth-root-authentication-method=normal", "--skip-test-db"], place)
    alone = ["--bind-address=127.0.0.1", f"--port={port}", "--character-set-server=utf8mb4"]
    alone += [f"--{name}={place / name}" for name in ("socket", "pid-file", "log-error")]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(place / "told"))
        told.settimeout(60)
        ready = {**os.environ, "NOTIFY_SOCKET": str(place / "told")}
        command = [server, *data, *alone]
        quiet: Any = {"stderr": subprocess.DEVNULL, "process_group": 0}
        with subprocess.Popen(command, cwd=place, env=ready, **quiet) as process:
            try:
                while b"READY=1" not in told.recv(4096):
                    pass
                yield f"mysql://root@127.0.0.1:{port}"
            finally:
                process.kill()


STARTED = {POSTGRES: postgres, MYSQL: mysql}


def start(needed: ExitStack, place: Path) -> dict[str, str]:
    """Start the servers that no variable names; return the variables that name these."""
    urls = {}
    for variable, server in STARTED.items():
        if variable not in os.environ:
            folder = place / server.__name__
            folder.mkdir()
            if url := needed.enter_context(server(folder)):
                urls[variable] = url
    return urls


def main(*command: str) -> int:
    """Run the command and return its exit code."""
    if not is_fit():
        print(f"tests wait for the disk: {MEMORY} has no room or runs no programs", file=sys.stderr)
        return subprocess.run(command, check=False).returncode
    place = Path(tempfile.mkdtemp(prefix="hygge-tests-", dir=MEMORY))
    place.chmod(0o755)
    try:
        (place / "tmp").mkdir()
        with ExitStack() as needed:
            variables = {**os.environ, **start(needed, place), "TMPDIR": str(place / "tmp")}
            return subprocess.run(command, env=variables, check=False).returncode
    finally:
        subprocess.run(["rm", "-rf", str(place)], check=True)  # however deep it is


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main(*sys.argv[1:]))
