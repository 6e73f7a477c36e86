"""Which process this is, and whether another one still lives, told apart from a reused number."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def identity() -> str:
    """Return what only this process is called: the machine's boot, the number, the start."""
    return f"{boot_id()} {os.getpid()} {started(os.getpid())}"


def is_alive(process: str | None) -> bool:
    """Return whether the process that called itself `process` still runs on this machine."""
    words = (process or "").split(" ")
    if len(words) != 3 or not words[1].isdigit() or words[0] != boot_id():
        return False
    number = int(words[1])
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return words[2] == started(number) != "-"


def boot_id() -> str:
    """Return what tells this start of the machine from others; `-` where the system does not."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return "-"


def started(number: int) -> str:
    """Return when a process began, in clock ticks since boot; `-` when there is none to ask.

    A process that has ended and that its parent has not asked after yet is none: it cannot act.
    """
    try:
        stat = Path(f"/proc/{number}/stat").read_text(errors="replace")
    except OSError:
        return "-"
    # The name in parentheses may hold blanks; the state and the start are fields 1 and 20 after it.
    fields = stat.rpartition(")")[2].split()
    return "-" if fields[0] in "ZX" else fields[19]


def label() -> str:
    """Return 12 to 40 characters by which another process of this machine knows this process."""
    return f"{_machine()}.{os.getpid()}.{started(os.getpid())}"


def is_gone(label: str) -> bool:
    """Return whether `label` is of a process of this machine that has ended.

    False for what is no label, and for processes of other machines and other containers: nobody
    here can see whether those are alive.
    """
    machine, _, rest = label.partition(".")
    number, _, begin = rest.partition(".")
    if machine != _machine() or not number.isdigit():
        return False
    return started(int(number)) != begin


def described(number: int) -> str:
    """Return a process of this machine in words: its number, its command, whether it is stopped."""
    try:
        name = Path(f"/proc/{number}/comm").read_text(errors="replace").strip()
        state = Path(f"/proc/{number}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return f"process {number}"
    stopped = f", which is stopped (kill -CONT {number})" if state[0] in "Tt" else ""
    return f"process {number} ({name}{stopped})"


def holders(files: Iterable[Path]) -> list[int]:
    """Return the other processes that hold a lock on one of some files, where the system tells."""
    inodes = set()
    for file in files:
        with suppress(OSError):
            inodes.add(str(file.stat().st_ino))
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return []
    found = [line.split() for line in lines if "->" not in line]
    numbers = {
        int(words[4])
        for words in found
        if len(words) > 5 and words[5].rpartition(":")[2] in inodes and words[4].isdigit()
    }
    return sorted(number for number in numbers - {os.getpid()} if _has_open(number, inodes))


def _has_open(number: int, inodes: Collection[str]) -> bool:
    """Return whether a process has a file of these open: other disks have the same numbers."""
    with suppress(OSError):
        for link in Path(f"/proc/{number}/fd").iterdir():
            with suppress(OSError):
                if str(link.stat().st_ino) in inodes:
                    return True
    return False


@cache
def _machine() -> str:
    """Return what tells the machine's boot, and the container, in which numbers are unique."""
    try:
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115
    except OSError:
        space = "-"
    return hashlib.sha256(f"{boot_id()} {space}".encode()).hexdigest()[:12]
