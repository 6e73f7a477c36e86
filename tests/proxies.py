"""A network that fails: a proxy in front of a real server, cut where a test wants it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Verdict = Callable[[bytes], str]
"""Looks at what is sent: `pass`, `cut` (before it arrives; `cut after 3` lets three bytes through),
`mute` (the server does it, its reply is lost) or `hold` (the client is cut at once, and it arrives
with `Proxy.release`)."""


def _pass(data: bytes) -> str:
    return "pass"


class Proxy:
    """Forwards bytes between clients and a server on this machine."""

    def __init__(
        self, host: str, port: int, judge: Verdict, answers: Verdict, *, listens: str = "127.0.0.1"
    ) -> None:
        self._server = (host, port)
        self.judge = judge
        self.answers = answers
        self._goes_on = threading.Event()
        self._goes_on.set()
        self._listener = socket.create_server((listens, 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._is_released = threading.Event()
        self._holding: list[threading.Thread] = []

    def run(self) -> None:
        """Serve until closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = _connect(*self._server)
                self._sockets += [client, server]
                muted = threading.Event()
                for arguments in ((client, server, True, muted), (server, client, False, muted)):
                    threading.Thread(target=self._forward, args=arguments, daemon=True).start()

    def _forward(
        self, source: socket.socket, sink: socket.socket, judged: bool, muted: threading.Event
    ) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._goes_on.wait()
                judge = self.judge if judged else self.answers
                verdict = "cut" if muted.is_set() else judge(data)
                if verdict.startswith("cut"):
                    # `cut after N`: so many bytes of it still arrive.
                    sink.sendall(
                        data[: int(verdict.removeprefix("cut").removeprefix(" after ") or 0)]
                    )
                    break
                if verdict == "hold":
                    self._holding.append(threading.current_thread())
                    source.shutdown(socket.SHUT_RDWR)
                    self._is_released.wait(60)
                if verdict == "mute":
                    muted.set()
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Let arrive what is held, and wait until it was sent."""
        self._is_released.set()
        for thread in self._holding:
            thread.join(60)

    def stall(self) -> None:
        """Forward nothing any more, and cut nothing: as a network that swallows packets."""
        self._goes_on.clear()

    def cut_all(self) -> None:
        """Cut every connection that there is."""
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop to listen, and cut what is open."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._goes_on.set()
        # Shut down first: a thread that waits for a socket would keep it open when it is closed.
        self.cut_all()
        for one in self._sockets:
            one.close()


def _connect(host: str, port: int) -> socket.socket:
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    wire = socket.socket(socket.AF_UNIX)
    wire.connect(f"{host}/.s.PGSQL.{port}")
    return wire


@contextmanager
def proxy(
    host: str,
    port: int,
    judge: Verdict = _pass,
    answers: Verdict = _pass,
    *,
    listens: str = "127.0.0.1",
) -> Iterator[Proxy]:
    """Run a proxy at the address `listens` for a `with`; `judge` sees what clients send."""
    one = Proxy(host, port, judge, answers, listens=listens)
    threading.Thread(target=one.run, daemon=True).start()
    try:
        yield one
    finally:
        one.close()


def once(word: bytes, verdict: str) -> Verdict:
    """Return a judge that gives `verdict` to the first thing sent that holds `word`."""
    seen = threading.Event()

    def judge(data: bytes) -> str:
        if word in data and not seen.is_set():
            seen.set()
            return verdict
        return "pass"

    return judge
