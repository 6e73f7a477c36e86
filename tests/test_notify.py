"""`notify:` of hygge.yml: messages about runs reach real servers, and never decide on a run."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from projects import hygge, write_project

SECRET = "canary-7f3a9"
GOOD, BAD = "id,name\n1,a\n2,b\n", "id,name\n1,a\n2,b,c\n"
WEBHOOK = "- to: webhook\n  url: ${HOOK}\n"


class Received(BaseHTTPRequestHandler):
    """Keeps what is posted; a path says how to answer."""

    bodies: list[dict[str, Any]]
    release: threading.Event

    def do_POST(self) -> None:
        """Keep the body; answer as the path says."""
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        if "/hang" in self.path:
            self.release.wait(30)
        status = {"/refused": 500, "/moved": 307}.get(self.path.rpartition("?")[0], 200)
        self.send_response(status)
        if status == 307:
            self.send_header("location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@contextmanager
def web() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the address of a server, and the bodies that it receives."""
    release = threading.Event()
    handler = type("Handler", (Received,), {"bodies": [], "release": release})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", handler.bodies  # type: ignore[attr-defined]
        finally:
            release.set()
            server.shutdown()


def shop(root: Path, *receivers: str) -> Path:
    """Write a project with two flows, of which one runs after the other."""
    return write_project(
        root,
        {
            "hygge.yml": "name: shop\nnotify:\n" + "".join(receivers),
            "homes/files.yml": "type: csv\npath: in\n",
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "flows/users.yml": "home: files\nstore: lake\nfreshness: 24h\n",
            "flows/orders.yml": "home: files\nstore: lake\nafter: users\n",
            "in/users.csv": GOOD,
            "in/orders.csv": GOOD,
        },
    )


def test_a_failure_and_its_recovery_are_each_reported_once(tmp_path: Path) -> None:
    root = shop(tmp_path, WEBHOOK)
    with web() as (address, bodies):
        hook = f"{address}/{SECRET}"
        assert hygge(root, "go", HOOK=hook).returncode == 0
        assert bodies == []
        (root / "in/users.csv").write_text(BAD)
        failed = hygge(root, "go", HOOK=hook)
        assert failed.returncode == 1
        (body,) = bodies
        assert body["title"] == "hygge shop: 2 flows failed"
        found = [(one["occasion"], one["flow"], one["code"]) for one in body["items"]]
        assert found == [("failure", "users", "HG501"), ("failure", "orders", "HG545")]
        assert "users.csv, line 3" in body["text"]
        assert f"hygge history {body['run_id'][:8]}" in body["text"]
        (root / "in/users.csv").write_text(GOOD)
        for _ in range(2):
            assert hygge(root, "go", HOOK=hook).returncode == 0
        assert [one["title"] for one in bodies[1:]] == ["hygge shop: 2 flows recovered"]
    for path in root.glob(".hygge/**/*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()
    assert SECRET not in failed.stdout + failed.stderr


def test_receivers_choose_occasions_flows_and_forms(tmp_path: Path) -> None:
    extra = "  on: success\n  flows: ['u*']\n"
    forms = [f"{WEBHOOK}  format: {form}\n" for form in ("slack", "teams")]
    root = shop(tmp_path, *(one + extra for one in (WEBHOOK, *forms)))
    with web() as (address, bodies):
        assert hygge(root, "go", HOOK=address).returncode == 0
    plain = next(one for one in bodies if "items" in one)
    assert [(one["flow"], one["rows"]) for one in plain["items"]] == [("users", 2)]
    slack = next(one for one in bodies if set(one) == {"text"})
    assert slack["text"].startswith("hygge shop: users succeeded\n\nusers succeeded: 2 rows\n")
    (card,) = next(one for one in bodies if one.get("type") == "message")["attachments"]
    assert card["content"]["body"][0]["text"] == "hygge shop: users succeeded"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/refused?x", "the server answered 500"),
        ("/moved?x", "the server answered 307"),
        (None, "Connection refused"),
    ],
)
def test_a_message_that_is_not_delivered_changes_nothing(
    tmp_path: Path, path: str | None, said: str
) -> None:
    root = shop(tmp_path, WEBHOOK, "  on: success\n")
    with web() as (address, _):
        hook = "http://127.0.0.1:1/x" if path is None else address + path
        ran = hygge(root, "go", HOOK=f"{hook}{SECRET}")
    assert ran.returncode == 0
    assert ran.stderr.count("the message to webhook at 127.0.0.1 was not delivered") == 1
    assert said in ran.stderr
    assert SECRET not in ran.stdout + ran.stderr


def test_a_receiver_that_hangs_ends_with_the_run(tmp_path: Path) -> None:
    root = shop(tmp_path, WEBHOOK, "  on: success\n")
    with web() as (address, bodies):
        ran = hygge(root, "go", HOOK=f"{address}/hang")
        assert len(bodies) == 1
    assert ran.returncode == 0
    assert "was not delivered: " in ran.stderr


def test_a_command_reads_the_message(tmp_path: Path) -> None:
    receiver = "- to: command\n  command: [sh, -c, 'cat > got.json; echo no disk >&2; exit 3']\n"
    root = shop(tmp_path, receiver, "  on: success\n")
    ran = hygge(root, "go")
    assert ran.returncode == 0
    assert json.loads((root / "got.json").read_text())["project"] == "shop"
    assert "the message to command sh was not delivered: it ended with 3: no disk" in ran.stderr


def test_stale_flows_are_reported_by_status(tmp_path: Path) -> None:
    root = shop(tmp_path, WEBHOOK, "  on: [stale]\n")
    with web() as (address, bodies):
        assert hygge(root, "status", "--notify", HOOK=address).returncode == 1
    (body,) = bodies
    assert body["title"] == "hygge shop: users stale"


class Letters:
    """Keeps the letters that a server accepts."""

    def __init__(self) -> None:
        self.found: list[Envelope] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:
        self.found.append(envelope)
        return "250 OK"


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of 127.0.0.1, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed on this machine")
    key, made = folder / "key.pem", folder / "made.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext"
    command = ["openssl", *words.split(), "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", key, "-out", made], check=True, capture_output=True)
    return made, key


def test_a_letter_goes_through_an_encrypted_connection(tmp_path: Path) -> None:
    made, key = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)
    letters, logins = Letters(), []

    def log_in(
        _server: object, _session: object, _envelope: object, _how: str, data: LoginPassword
    ) -> AuthResult:
        logins.append((data.login, data.password))
        return AuthResult(success=True)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(
        letters, "127.0.0.1", port, tls_context=context, require_starttls=True, authenticator=log_in
    )
    server.start()
    receiver = (
        f"- to: email\n  host: 127.0.0.1\n  port: {port}\n  user: hygge\n  password: ${{MAIL}}\n"
        "  sender: hygge@example.org\n  recipients: [data@example.org, me@example.org]\n"
        "  on: [success]\n"
    )
    root = shop(tmp_path / "shop", receiver)
    try:
        distrusted = hygge(root, "go", MAIL=SECRET)
        ran = hygge(root, "go", MAIL=SECRET, SSL_CERT_FILE=str(made))
    finally:
        server.stop()
    assert distrusted.returncode == ran.returncode == 0
    assert "certificate verify failed" in distrusted.stderr
    assert ran.stderr.count("not delivered") == 0
    assert logins == [(b"hygge", SECRET.encode())]
    (found,) = letters.found
    assert found.rcpt_tos == ["data@example.org", "me@example.org"]
    letter = message_from_bytes(found.original_content or b"", policy=policy.default)
    assert letter["subject"] == "hygge shop: 2 flows succeeded"
    assert "users succeeded: 2 rows" in letter.get_body().get_content()  # type: ignore[union-attr]


def test_doctor_sends_a_test_message(tmp_path: Path) -> None:
    root = shop(tmp_path, WEBHOOK)
    with web() as (address, bodies):
        sent = hygge(root, "doctor", "--notify", HOOK=address)
    lost = hygge(root, "doctor", "--notify", HOOK=f"http://127.0.0.1:1/{SECRET}")
    assert (sent.returncode, lost.returncode) == (0, 1)
    assert sent.stdout == "sent a test message: webhook at 127.0.0.1\n"
    assert [one["title"] for one in bodies] == ["hygge shop: test message"]
    assert "Connection refused" in lost.stdout
    assert SECRET not in lost.stdout + lost.stderr


@pytest.mark.parametrize(
    ("receiver", "said"),
    [
        ("- to: webhook\n", "to: webhook requires url"),
        ("- to: webhook\n  url: example.org\n", "write it as https://host/path"),
        ("- to: email\n  host: h\n", "to: email requires sender, recipients"),
        ("- to: command\n  command: [a]\n  url: https://x\n", "to: command has no url"),
        ("- to: command\n  command: [a]\n  on: [never]\n", "'notify[1].on[1]' cannot be 'never'"),
    ],
)
def test_a_wrong_receiver_is_an_error_at_its_line(tmp_path: Path, receiver: str, said: str) -> None:
    ran = hygge(shop(tmp_path, receiver), "validate")
    assert ran.returncode == 1
    assert "hygge.yml:" in ran.stdout
    assert said in ran.stdout
