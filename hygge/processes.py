"""Which process this is, and whether another one still lives, told apart from a reused number."""

from __future__ import annotations

import os
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def identity() -> str:
    """Return what only this process is called: the machine's boot, the number, the start."""
    return f"{_boot()} {os.getpid()} {_started(os.getpid())}"


def is_alive(process: str | None) -> bool:
    """Return whether the process that called itself `process` still runs on this machine."""
    words = (process or "").split(" ")
    if len(words) != 3 or not words[1].isdigit() or words[0] != _boot():
        return False
    number, started = int(words[1]), words[2]
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return started == _started(number)


def _boot() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return "-"


def _started(number: int) -> str:
    """Return the start time in clock ticks; `-` where the system does not tell."""
    try:
        stat = Path(f"/proc/{number}/stat").read_text(errors="replace")
    except OSError:
        return "-"
    return stat.rpartition(")")[2].split()[19]
