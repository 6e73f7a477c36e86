"""Runs `hygge` in a new process that is forked from one which has imported it already.

Such a process has nothing of the runs before it, only modules: Python's start and hygge's imports,
three quarters of a short command, are paid once. What a start of its own proves (what is imported,
the streams' encodings, memory, signals) is tested by one: `projects.HYGGE`.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO

from pydantic import BaseModel

import hygge.engine.retry

LIBRARIES = (
    *("adbc_driver_manager.dbapi", "adbc_driver_postgresql", "adbc_driver_sqlite", "duckdb"),
    *("numpy", "psycopg", "pyarrow.csv", "pyarrow.dataset", "pyarrow.parquet", "pymysql"),
    *("rich.console", "rich.progress", "rich.table", "typer._adapters", "typer._click.decorators"),
)
LEFT_OUT = ("hygge.__main__", "hygge.testing")
"""A registry that holds no type yet is part of a fresh process."""
MOST_BYTES = 2**17
FIRST_WAIT, LONGEST_WAIT = 0.01, 0.05
"""Seconds between attempts of a move."""


class Warm:
    """The process that waits to be told to become `hygge`; it tells how each one ended."""

    def __init__(self, **variables: str) -> None:
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                process_group=0,
                env={**os.environ, **variables},
            )

    def run(
        self,
        words: list[str],
        cwd: Path,
        env: dict[str, str],
        *,
        timeout: float,
        encoding: str = "utf-8",
    ) -> subprocess.CompletedProcess[str]:
        """Run `hygge` with these words; return how it ended and what it printed.

        Its streams have the encoding that this process's variables gave them when it started.
        """
        asked = json.dumps([words, str(cwd), env]).encode()
        assert len(asked) < MOST_BYTES
        with (
            tempfile.TemporaryFile("w+", encoding=encoding) as out,
            tempfile.TemporaryFile("w+", encoding=encoding) as err,
        ):
            socket.send_fds(self.ours, [asked], [out.fileno(), err.fileno()])
            code = self._ended(timeout, words)
            return subprocess.CompletedProcess(words, code, _all_of(out), _all_of(err))

    def _ended(self, timeout: float, words: list[str]) -> int:
        self.ours.settimeout(timeout)
        try:
            return int(self.ours.recv(MOST_BYTES))
        except BaseException as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise subprocess.TimeoutExpired(words, timeout) from None
            raise

    def close(self) -> None:
        """End the process and the command that it has become."""
        if warm.cache_info().currsize and warm() is self:
            warm.cache_clear()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.ours.close()


@cache
def warm() -> Warm:
    """Return the one process of this test process."""
    return Warm()


def _all_of(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def serve(asked: socket.socket) -> None:
    """Fork for each command that is asked for; returns in the fork, and when nobody asks more."""
    while True:
        data, files, _, _ = socket.recv_fds(asked, MOST_BYTES, 2)
        if not data:
            os._exit(0)
        child = os.fork()
        if child == 0:
            asked.close()
            words, cwd, env = json.loads(data)
            become(words, cwd, env, files)
            return
        for file in files:
            os.close(file)
        _, status = os.waitpid(child, 0)
        asked.send(str(os.waitstatus_to_exitcode(status)).encode())


def become(words: list[str], cwd: str, env: dict[str, str], files: list[int]) -> None:
    """Be where and what a process is that was started as `python -m hygge`."""
    for number, file in enumerate(files, 1):
        os.dup2(file, number)
        os.close(file)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.path.insert(0, os.getcwd())  # noqa: PTH109
    sys.argv[1:] = words


def run() -> int:
    """Run the command and what is registered for its end; return its exit code."""
    code: object = 0
    try:
        runpy.run_module("hygge", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    assert isinstance(code, int)
    return code


def below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield all classes below one."""
    for one in model.__subclasses__():
        yield one
        yield from below(one)


def import_all() -> None:
    """Import what a command may need, as `hygge.__main__` does it, and build what it defers."""
    os.environ["MIMALLOC_PURGE_DELAY"] = "0"
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "1"
    for name in LIBRARIES:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(hygge.__path__, "hygge."):
        if not module.name.startswith(LEFT_OUT):
            importlib.import_module(module.name)
    for model in below(BaseModel):
        model.model_rebuild()
    hygge.engine.retry.FIRST_WAIT_SECONDS, hygge.engine.retry.LONGEST_WAIT_SECONDS = (
        FIRST_WAIT,
        LONGEST_WAIT,
    )
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    del sys.path[0]
    import_all()
    with socket.socket(fileno=int(sys.argv[1])) as end:
        serve(end)
    os._exit(run())
