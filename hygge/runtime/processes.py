"""Identity of processes: whether one still lives, despite reused pids."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def identity() -> str:
    """Return an id of this process: boot id, pid, start time."""
    return f"{boot_id()} {os.getpid()} {started(os.getpid())}"


def is_alive(process: str | None) -> bool:
    """Return whether the process with the id `process` still runs on this machine."""
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
    """Return the id of this boot of the machine; `-` where the system has none."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return "-"


def started(number: int) -> str:
    """Return the start time of a process in clock ticks since boot; `-` when it does not exist.

    A zombie process counts as ended.
    """
    try:
        stat = Path(f"/proc/{number}/stat").read_text(errors="replace")
    except OSError:
        return "-"
    # The name in parentheses may contain spaces; state and start are fields 1 and 20 after it.
    fields = stat.rpartition(")")[2].split()
    return "-" if fields[0] in "ZX" else fields[19]


def label() -> str:
    """Return a label of this process for other processes of this machine, 12 to 40 characters."""
    return f"{_machine()}.{os.getpid()}.{started(os.getpid())}"


def is_gone(label: str) -> bool:
    """Return whether `label` belongs to a process of this machine that has ended.

    False for an invalid label, and for processes of other machines and containers, whose state is
    not visible here.
    """
    machine, _, rest = label.partition(".")
    number, _, begin = rest.partition(".")
    if machine != _machine() or not number.isdigit():
        return False
    return started(int(number)) != begin


def described(number: int) -> str:
    """Return a description of a process of this machine: pid, command, whether it is stopped."""
    try:
        name = Path(f"/proc/{number}/comm").read_text(errors="replace").strip()
        state = Path(f"/proc/{number}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return f"process {number}"
    stopped = f", which is stopped (kill -CONT {number})" if state[0] in "Tt" else ""
    return f"process {number} ({name}{stopped})"


def holders(files: Iterable[Path]) -> list[int]:
    """Return the other processes that hold a lock on one of the files, as `/proc` lists them."""
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
    """Return whether a process has one of these files open; inode numbers repeat on other disks."""
    with suppress(OSError):
        for link in Path(f"/proc/{number}/fd").iterdir():
            with suppress(OSError):
                if str(link.stat().st_ino) in inodes:
                    return True
    return False


@cache
def _machine() -> str:
    """Return an id of the boot and the container, within which pids are unique."""
    try:
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115
    except OSError:
        space = "-"
    return hashlib.sha256(f"{boot_id()} {space}".encode()).hexdigest()[:12]
