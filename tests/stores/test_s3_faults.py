"""Commits in S3 under faults: a process that dies at any request, lost replies, two at once."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
import pyarrow as pa
import pytest
import s3
from proxies import proxy

from hygge.connector import (
    HomeConfig,
    Mode,
    ProjectContext,
    ReadRequest,
    Store,
    StoreConfig,
)
from hygge.connectors.files.objects import generations
from hygge.errors import HyggeError, StoreError
from hygge.testing.cases import plain_table
from hygge.testing.moving import next_commit, write, write_request
from hygge.testing.reading import read_entity
from hygge.values.model import Split

if TYPE_CHECKING:
    from collections.abc import Iterator

OLD, NEW = plain_table(5), plain_table(7, start=100)
REQUESTS = (b"GET /", b"PUT /", b"HEAD /", b"POST /", b"DELETE /")
MOST_REQUESTS = 60


def store_of(place: Path, endpoint: str | None = None) -> Store:
    connection = s3.connection()
    if endpoint is not None:
        connection["endpoint"] = endpoint
    path = f"s3://{s3.BUCKET}/{s3.prefix(place)}"
    config = StoreConfig.create({"type": "parquet", "path": path, "connection": connection})
    return config.store(ProjectContext(place))


def ids(place: Path) -> list[int]:
    """Return the ids that a home reads, and check that `current.json` names files with them."""
    path = f"s3://{s3.BUCKET}/{s3.prefix(place)}"
    home = HomeConfig.create({"type": "parquet", "path": path, "connection": s3.connection()})
    found = read_entity(home.home(ProjectContext(place)), "things")["id"].to_pylist()
    return sorted(found)


def is_clean(place: Path) -> bool:
    """Whether readers that list see the files of the newest commit, and nothing is staged."""
    prefix = f"{s3.prefix(place)}/things"
    current = json.loads(s3.get(f"{prefix}/_hygge/current.json"))
    names = [url.rpartition("/")[2] for url in current["files"]]
    staged = [key for key in s3.keys(prefix) if key.startswith("_hygge/staging")]
    return sorted(names) == s3.visible(prefix) and not staged


@contextmanager
def faulty(number: int, verdict: str, *, dies: bool) -> Iterator[tuple[str, list[int]]]:
    """Yield a server that gives a verdict on a request, by number from 1; then, or not, on all."""
    seen = [0]

    def judge(data: bytes) -> str:
        if data.startswith(REQUESTS):
            seen[0] += 1
        if seen[0] == number:
            return verdict
        return "cut" if dies and seen[0] > number else "pass"

    server = urlsplit(s3.endpoint())
    with proxy(str(server.hostname), int(server.port or 0), judge) as between:
        yield f"http://127.0.0.1:{between.port}", seen


def requests_of(place: Path, mode: Mode) -> int:
    """Return how many requests a move needs, on a place like that of the test."""
    write(store_of(place), [OLD], write_request())
    with faulty(0, "pass", dies=False) as (endpoint, seen):
        write(store_of(place, endpoint), [NEW], write_request(mode))
    assert 5 < seen[0] < MOST_REQUESTS
    return seen[0]


@pytest.mark.parametrize("mode", [Mode.REPLACE, Mode.APPEND])
def test_a_process_that_dies_at_any_request_leaves_a_whole_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    monkeypatch.setattr("hygge.connectors.files.objects.bucket._RETRIES", 0)
    before, new = OLD["id"].to_pylist(), NEW["id"].to_pylist()
    after = new if mode is Mode.REPLACE else before + new
    seen: set[bool] = set()
    for number in range(1, requests_of(tmp_path / "count", mode) + 1):
        for verdict in ("cut", "mute"):
            place = tmp_path / f"{number}-{verdict}"
            write(store_of(place), [OLD], write_request())
            with (
                faulty(number, verdict, dies=True) as (endpoint, _),
                suppress(HyggeError, OSError),
            ):
                write(store_of(place, endpoint), [NEW], write_request(mode))
            last = store_of(place).last_commit("things")
            assert last is not None
            is_new = last.seq == 2
            seen.add(is_new)
            expected = after if is_new else before
            write(store_of(place), [OLD.slice(0, 0)], write_request(Mode.APPEND))
            assert ids(place) == expected, (number, verdict)
            assert is_clean(place), (number, verdict)
    assert seen == {False, True}


@pytest.mark.parametrize("verdict", ["cut", "mute"])
def test_one_lost_request_or_reply_is_repaired_in_the_same_run(
    tmp_path: Path, verdict: str
) -> None:
    for number in range(1, requests_of(tmp_path / "count", Mode.APPEND) + 1):
        place = tmp_path / str(number)
        write(store_of(place), [OLD], write_request())
        with faulty(number, verdict, dies=False) as (endpoint, _):
            write(store_of(place, endpoint), [NEW], write_request(Mode.APPEND))
        assert ids(place) == [*OLD["id"].to_pylist(), *NEW["id"].to_pylist()], number
        assert is_clean(place)


def test_of_two_processes_that_publish_one_commit_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store_of(tmp_path), [OLD], write_request())
    request, rival = write_request(Mode.APPEND), write_request(Mode.APPEND)
    with store_of(tmp_path).open(request) as target:
        part = target.stage(NEW.to_reader(), Split(0, "all"))
        commit = next_commit(target, request, [part], NEW.schema)
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(generations, "_HOLDERS", {})  # known to this process only
            write(store_of(tmp_path), [plain_table(1, start=900)], rival)
        with pytest.raises(StoreError, match=f"belongs to run {rival.run_id}") as raised:
            target.commit([part], commit)
    assert raised.value.code == "HG514"
    write(store_of(tmp_path), [OLD.slice(0, 0)], write_request(Mode.APPEND))
    assert ids(tmp_path) == [*OLD["id"].to_pylist(), 900]
    assert is_clean(tmp_path)


class Forgetful(BaseHTTPRequestHandler):
    """Passes requests on without their conditions, as a server that does not know them."""

    def do_PUT(self) -> None:
        server = urlsplit(s3.endpoint())
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name: value for name, value in self.headers.items() if name != "if-none-match"}
        connection = HTTPConnection(str(server.hostname), server.port)
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        for name in ("etag", "last-modified", "content-type"):
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        length = answer.headers["content-length"] if self.command == "HEAD" else str(len(data))
        self.send_header("content-length", length or "0")
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT

    def log_message(self, *_: object) -> None:
        """Write nothing."""


def test_a_server_without_conditional_writes_is_no_store(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Forgetful) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        store = store_of(tmp_path, f"http://127.0.0.1:{server.server_port}")
        for attempt in (lambda: write(store, [OLD], write_request()), lambda: [*store.examine()]):
            with pytest.raises(StoreError, match="writes over an object") as raised:
                attempt()
            assert raised.value.code == "HG549"
        server.shutdown()
    assert s3.keys(s3.prefix(tmp_path)) == []


def test_a_late_process_neither_removes_nor_adds_rows(tmp_path: Path) -> None:
    write(store_of(tmp_path), [OLD], write_request())
    folder = f"{s3.prefix(tmp_path)}/things"
    one = s3.keys(folder)
    copies = {key: s3.get(f"{folder}/{key}") for key in one}
    write(store_of(tmp_path), [NEW], write_request())
    # A process that woke up after commit 2 repeats the last steps of commit 1.
    for key in (key for key in one if key.startswith("part-")):
        s3.put(f"{folder}/{key}", copies[key])
    s3.put(f"{folder}/_hygge/current.json", copies["_hygge/current.json"])
    assert store_of(tmp_path).last_commit("things").seq == 2  # type: ignore[union-attr]
    write(store_of(tmp_path), [OLD.slice(0, 0)], write_request(Mode.APPEND))
    assert ids(tmp_path) == NEW["id"].to_pylist()
    assert is_clean(tmp_path)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "arrow", "orc", "parquet"])
def test_each_format_is_read_back_from_a_bucket(tmp_path: Path, kind: str) -> None:
    path = f"s3://{s3.BUCKET}/{s3.prefix(tmp_path)}"
    settings = {"type": kind, "path": path, "connection": s3.connection()}
    store = StoreConfig.create(settings).store(ProjectContext(tmp_path))
    write(store, [OLD], write_request())
    write(store, [NEW], write_request(Mode.APPEND))
    home = HomeConfig.create(settings).home(ProjectContext(tmp_path))
    table = pa.concat_tables([OLD, NEW])
    assert read_entity(home, "things").sort_by("id")["id"].to_pylist() == table["id"].to_pylist()
    assert home.entities() == ["things"]


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    folder = f"{s3.prefix(tmp_path)}/things"
    s3.put(f"{folder}/a.csv", b"id\n" + b"1\n" * 5_000_000)
    path = f"s3://{s3.BUCKET}/{s3.prefix(tmp_path)}"
    home = HomeConfig.create({"type": "csv", "path": path, "connection": s3.connection()})
    with home.home(ProjectContext(tmp_path)).open(
        ReadRequest("things", batch_bytes=2**16)
    ) as source:
        (split,) = source.splits(1)
        with source.read(split) as batches:
            batches.read_next_batch()
            obstore.put(s3.client(), f"{folder}/a.csv", b"id\n" + b"2\n" * 5_000_000)
            with pytest.raises(HyggeError, match="changed"):
                list(batches)
