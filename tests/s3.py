"""An S3 server for the tests: moto, in a process of its own, one a session."""

from __future__ import annotations

import atexit
import hashlib
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import obstore
from obstore.store import S3Store

BUCKET = "hygge-tests"
_SERVE = """
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
WSGIRequestHandler.log = lambda *_: None
app = DomainDispatcherApplication(create_backend_app)
server = make_server("127.0.0.1", 0, app, threaded=True)
print(server.port, flush=True)
server.serve_forever()
"""


@cache
def endpoint() -> str:
    """Return the URL of the server, which has one bucket; start it first."""
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    atexit.register(server.kill)
    assert server.stdout is not None
    url = f"http://127.0.0.1:{int(server.stdout.readline())}"
    urlopen(Request(f"{url}/{BUCKET}", method="PUT")).close()
    return url


def connection(**more: object) -> dict[str, Any]:
    """Return the connection of a home or store to the server."""
    return {
        "endpoint": endpoint(),
        "access_key_id": "testing",
        "secret_access_key": "testing-secret",
        **more,
    }


def client(url: str | None = None) -> S3Store:
    """Return a client of the bucket that is not hygge's."""
    return S3Store(
        BUCKET,
        endpoint=url or endpoint(),
        region="us-east-1",
        access_key_id="testing",
        secret_access_key="testing-secret",
        client_options={"allow_http": True},
    )


def prefix(place: Path) -> str:
    """Return a prefix that belongs to a test's own directory."""
    return hashlib.sha256(str(place).encode()).hexdigest()[:16]


def keys(below: str) -> list[str]:
    """Return the names of all objects below a prefix, without it, sorted."""
    pages = obstore.list(client(), below, chunk_size=1000)
    return sorted(one["path"][len(below) + 1 :] for page in pages for one in page)


def visible(below: str) -> list[str]:
    """Return the names of those that a reader of data files lists."""
    return [key for key in keys(below) if not any(step[0] in "._" for step in key.split("/"))]


def get(key: str) -> bytes:
    """Return an object."""
    return bytes(obstore.get(client(), key).bytes())


def put(key: str, data: bytes) -> None:
    """Write an object."""
    obstore.put(client(), key, data)
