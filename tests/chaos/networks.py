"""A network of its own for a process, which can swallow every packet in both directions.

It is a network namespace of Linux, joined to this machine by a pair of interfaces. Making one needs
the rights of root; where they lack, `network` skips the test and says so.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class Network:
    """The network while it is there."""

    def __init__(self, number: int) -> None:
        self.name = f"hygge{number}"
        self._outer, self._inner = f"hgo{number}", f"hgi{number}"
        block = f"10.213.{number >> 6 & 255}.{(number & 63) * 4}"
        stem, _, last = block.rpartition(".")
        self.address = f"{stem}.{int(last) + 1}"
        """Address of this machine, as a process in the network sees it."""
        self._inside = f"{stem}.{int(last) + 2}"

    def make(self) -> None:
        """Make it. Raises `OSError` or `subprocess.CalledProcessError` where that is forbidden."""
        _ip("netns", "add", self.name)
        pair = ("type", "veth", "peer", "name", self._inner, "netns", self.name)
        _ip("link", "add", self._outer, *pair)
        _ip("addr", "add", f"{self.address}/30", "dev", self._outer)
        _ip("link", "set", self._outer, "up")
        _ip("-n", self.name, "addr", "add", f"{self._inside}/30", "dev", self._inner)
        for name in (self._inner, "lo"):
            _ip("-n", self.name, "link", "set", name, "up")

    def words(self, *command: str) -> list[str]:
        """Return what runs a command in the network."""
        return ["ip", "netns", "exec", self.name, *command]

    def swallow(self) -> None:
        """Lose every packet from now on; neither side is told."""
        _ip("link", "set", self._outer, "down")

    def restore(self) -> None:
        """Let packets through again."""
        _ip("link", "set", self._outer, "up")

    def remove(self) -> None:
        """Remove it with its interfaces; nothing there is fine."""
        for words in (("link", "del", self._outer), ("netns", "del", self.name)):
            subprocess.run(["ip", *words], check=False, capture_output=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def network() -> Iterator[Network]:
    """Yield a network; skip where this user may not make one."""
    one = Network(os.getpid() % 16_384)
    try:
        try:
            one.make()
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no network namespace can be made here: {error}")
        yield one
    finally:
        one.remove()
