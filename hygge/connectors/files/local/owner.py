"""The owner of a claim or an incomplete directory, and whether it can still act."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass

from hygge.runtime.processes import boot_id, started


@dataclass(frozen=True, slots=True)
class Owner:
    """One attempt of one run, in one process."""

    run_id: str
    attempt: int
    pid: int
    host: str
    boot_id: str
    started: str
    """Start time of the process in clock ticks since boot; distinguishes reused pids."""
    lock: int
    """Inode of the lock file that the process holds while it lives."""

    @classmethod
    def here(cls, run_id: str, attempt: int, lock: int) -> Owner:
        """Return this process as an owner."""
        pid = os.getpid()
        host = socket.gethostname()
        return cls(run_id, attempt, pid, host, boot_id(), started(pid), lock)

    @classmethod
    def load(cls, data: bytes) -> Owner | None:
        """Return the owner in a file; None when the file is truncated."""
        try:
            return cls(**json.loads(data))
        except (ValueError, TypeError):
            return None

    def dump(self) -> bytes:
        """Return the owner as JSON that a person can read."""
        return json.dumps(asdict(self), indent=1).encode() + b"\n"

    def is_gone(self, lock: int) -> bool:
        """Return whether the process certainly cannot act any more; call it while holding `lock`.

        It is gone when its pid is free or reused; when it held the lock that is held here now, on
        one kernel; and when this host was rebooted since. The state of processes of other hosts is
        unknown. A live process of this host is never gone, because some file systems grant a lock
        twice.
        """
        is_here = self.host == socket.gethostname()
        if self.boot_id != boot_id():
            return is_here
        is_same = is_here and started(self.pid) == self.started
        if is_same and self.pid != os.getpid() and self.started != "-":
            return False
        return self.lock == lock or (is_here and not is_same)

    def __str__(self) -> str:
        return f"run {self.run_id} (pid {self.pid} on {self.host})"
