"""An API on this machine: routes are functions from a request to an answer."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    params: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    def number(self, name: str, default: int) -> int:
        return int(self.params.get(name, default))


@dataclass
class Told:
    """One answer: what is not bytes is sent as JSON."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    """Bytes that are promised and not sent."""

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Route = Callable[[Asked], Told]


class Api:
    """A server; `asked` are the requests so far."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.routes: dict[str, Route] = {}
        self.asked: list[Asked] = []
        self.otherwise: Route = lambda _: Told({"message": "no such path"}, 404)
        """The route of every other path."""
        self.faults: list[Told] = []
        """Answers that are given first, whatever is asked."""

    def serve(self, asked: Asked) -> Told:
        self.asked.append(asked)
        if self.faults:
            return self.faults.pop(0)
        return self.routes.get(asked.path, self.otherwise)(asked)


@contextmanager
def api() -> Iterator[Api]:
    """Serve an API without routes until the `with` ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 2**16  # headers and body in one packet

        def answer(self) -> None:
            parts = urlsplit(self.path)
            size = int(self.headers.get("content-length", 0))
            body = self.rfile.read(size)
            params = dict(parse_qsl(parts.query, keep_blank_values=True))
            headers = {name.lower(): value for name, value in self.headers.items()}
            told = served.serve(Asked(self.command, parts.path, params, headers, body))
            content = b"" if told.status == 204 else told.content()
            self.send_response(told.status)
            for name, value in {"Content-Type": "application/json", **told.headers}.items():
                self.send_header(name, value)
            if told.status != 204:
                self.send_header("Content-Length", str(len(content) + told.cut))
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = self.close_connection or told.cut > 0

        do_GET = do_POST = answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served = Api(server)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@lru_cache(maxsize=1)
def lines_of(path: Path, _: int) -> list[bytes]:
    return path.read_bytes().splitlines()


def page_of_file(asked: Asked) -> Told:
    """Return a page of the JSON lines in a file, which the path names."""
    path = Path(unquote(asked.path))
    if not path.is_file():
        return Told({"message": "no such entity"}, 404)
    lines = lines_of(path, path.stat().st_mtime_ns)
    size, number = asked.number("per_page", 1000), asked.number("page", 1)
    told = Told(b"[" + b",".join(lines[(number - 1) * size : number * size]) + b"]")
    if number * size < len(lines):
        told.headers["Link"] = f'<?page={number + 1}&per_page={size}>; rel="next"'
    return told


@contextmanager
def api_of_files() -> Iterator[str]:
    """Serve files by their absolute paths in another process; yield the URL."""
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
        process.kill()


if __name__ == "__main__":
    with api() as files:
        files.otherwise = page_of_file
        print(files.url, flush=True)
        sys.stdin.read()
