"""An issue tracker with an API: Link pages, a token, a limit of requests: `python server.py 3`."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlencode, urlsplit

ISSUES = "/repos/acme/shop/issues"
LABELS = [{"id": 1, "name": "bug"}, {"id": 2, "name": "idea"}]
PEOPLE = ("ann", "bob", "kim")


def issue(number: int, updated: datetime, state: str) -> dict[str, object]:
    found: dict[str, object] = {
        "number": number,
        "title": f"issue {number}",
        "state": state,
        "user": {"login": PEOPLE[number % 3], "id": number % 3},
        "labels": LABELS[: number % 3],
        "hours": number / 4,
        "updated_at": updated.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return found | ({"closed_by": "kim"} if state == "closed" else {})


def issues(day: int) -> list[dict[str, object]]:
    """Return the issues at the end of a day: 120, then ten more and every tenth closed, daily."""
    start = datetime(2026, 3, 1, 9, tzinfo=UTC)
    found = []
    for number in range(1, 121 + 10 * (day - 1)):
        opened = 1 if number <= 120 else 2 + (number - 121) // 10
        closed = 2 + number // 10 % 2 if number % 10 == 0 and number <= 120 else 9
        seen = closed if closed <= day else opened
        state = "closed" if closed <= day else "open"
        found.append(issue(number, start + timedelta(days=seen - 1, minutes=number // 2), state))
    return sorted(found, key=lambda one: str(one["updated_at"]))


class Tracker(ThreadingHTTPServer):
    daemon_threads = True
    day = 1
    requests = 0


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 2**16
    server: Tracker

    def do_GET(self) -> None:
        url, tracker = urlsplit(self.path), self.server
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        tracker.requests += 1
        if self.headers["authorization"] != "Bearer example-token":
            self.answer({"message": "bad credentials"}, 401)
        elif tracker.requests % 3 == 0:
            self.answer({"message": "too many requests"}, 429, {"Retry-After": "0"})
        elif url.path == ISSUES:
            self.page(asked, issues(tracker.day))
        elif url.path == "/repos/acme/shop/labels":
            self.answer({"data": LABELS})
        else:
            self.answer({"message": "not found"}, 404)

    def page(self, asked: dict[str, str], rows: list[dict[str, object]]) -> None:
        rows = [row for row in rows if str(row["updated_at"]) >= asked.get("since", "")]
        number, size = int(asked.get("page", 1)), int(asked.get("per_page", 30))
        more = {}
        if number * size < len(rows):
            following = urlencode({**asked, "page": number + 1})
            host = self.headers["host"]
            more["Link"] = f'<http://{host}{ISSUES}?{following}>; rel="next"'
        self.answer(rows[(number - 1) * size : number * size], 200, more)

    def answer(
        self, body: object, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(port: int) -> Iterator[Tracker]:
    with Tracker(("127.0.0.1", port), Answers) as tracker:
        Thread(target=tracker.serve_forever, args=(0.02,), daemon=True).start()
        yield tracker
        tracker.shutdown()


if __name__ == "__main__":
    with Tracker(("127.0.0.1", 8765), Answers) as tracker:
        tracker.day = int(sys.argv[1]) if len(sys.argv) > 1 else 1
        print(f"day {tracker.day}: http://127.0.0.1:8765{ISSUES}", flush=True)
        tracker.serve_forever()
