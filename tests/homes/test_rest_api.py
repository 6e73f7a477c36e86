"""Pages, credentials and faults of APIs, on a server of this process."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from apis import Api, Asked, Told, api

from hygge.connector import HomeConfig, ProjectContext, Purpose, ReadRequest
from hygge.connectors.rest.config import Since
from hygge.connectors.rest.since import since_value
from hygge.connectors.rest.waiting import wanted_wait
from hygge.errors import Cancelled, HomeError
from hygge.testing.reading import read_all

ROWS = [{"id": number, "name": f"n{number}"} for number in range(1, 24)]
SHORT = {"number": "page", "size": {"per_page": 10}, "until": "short"}


@pytest.fixture(scope="module")
def server() -> Iterator[Api]:
    with api() as served:
        yield served


@pytest.fixture
def served(server: Api) -> Api:
    server.routes.clear()
    server.asked.clear()
    server.faults.clear()
    return server


class Read:
    """Reads the entity `t` of an API as a flow does."""

    def __init__(self, served: Api, root: Path) -> None:
        self.served = served
        self.root = root

    def config(self, home: dict[str, Any] | None = None, **entity: Any) -> HomeConfig:  # noqa: ANN401
        data = {"type": "rest", "url": self.served.url, "allow_private": True, **(home or {})}
        return HomeConfig.create({**data, "entities": {"t": {"path": "/t", **entity}}})

    def __call__(
        self,
        home: dict[str, Any] | None = None,
        request: ReadRequest = ReadRequest("t"),  # noqa: B008
        **entity: Any,  # noqa: ANN401
    ) -> pa.Table:
        opened = self.config(home, **entity).home(ProjectContext(self.root)).open(request)
        with opened as source:
            return pa.table({"id": []}) if source.is_exhausted else read_all(source)

    def refused(self, home: dict[str, Any] | None = None, **entity: Any) -> str:  # noqa: ANN401
        with pytest.raises(HomeError) as raised:
            self(home, **entity)
        assert not list((self.root / ".hygge/spool").glob("*/*")), "no spool is left"
        return raised.value.message


@pytest.fixture
def read(served: Api, tmp_path: Path) -> Read:
    return Read(served, tmp_path)


def part(asked: Asked, rows: list[dict[str, Any]] = ROWS, most: int = 10) -> list[dict[str, Any]]:
    """Return the rows of a numbered page, as an API with a largest page does."""
    size = min(asked.number("per_page", most), most)
    start = (asked.number("page", 1) - 1) * size
    return rows[start : start + size]


def cursor_of(asked: Asked) -> int:
    return int(asked.params.get("cursor", json.loads(asked.body or b"{}").get("after", 0)))


def by_link(asked: Asked) -> Told:
    page = asked.number("page", 1)
    more = {"Link": f'</t?page={page + 1}>; rel="next", </t?page=1>; rel="first"'}
    return Told(part(asked), headers=more if page < 3 else {})


def by_next(asked: Asked) -> Told:
    page = asked.number("page", 1)
    return Told({"items": part(asked), "next": f"?page={page + 1}" if page < 3 else None})


def by_cursor(asked: Asked) -> Told:
    at = cursor_of(asked)
    last = at + 10 >= len(ROWS)
    meta = {"next": None if last else str(at + 10), "more": not last, "total": len(ROWS)}
    return Told({"items": ROWS[at : at + 10], "meta": meta})


def by_last_row(asked: Asked) -> Told:
    after = int(asked.params.get("starting_after", 0))
    return Told({"items": ROWS[after : after + 10], "more": after + 10 < len(ROWS)})


def by_number(asked: Asked) -> Told:
    return Told({"items": part(asked), "total": len(ROWS), "pages": 3})


def by_offset(asked: Asked) -> Told:
    start = asked.number("skip", 0)
    return Told({"items": ROWS[start : start + 10], "total": len(ROWS)})


def without_a_page_after_the_last(asked: Asked) -> Told:
    found = part(asked)
    return Told({"items": found}) if found else Told({"message": "no such page"}, 404)


KINDS: list[tuple[Callable[[Asked], Told], dict[str, Any]]] = [
    (lambda _: Told(ROWS), {"pages": "none"}),
    (by_link, {"pages": "link"}),
    (by_next, {"pages": {"next": "next"}, "records": "items"}),
    (by_cursor, {"pages": {"cursor": "meta.next", "param": "cursor"}, "records": "items"}),
    (
        by_cursor,
        {
            "pages": {"cursor": "meta.next", "body": "after", "more": "meta.more"},
            "records": "items",
            "method": "POST",
            "body": {"query": "{ t }"},
        },
    ),
    (
        by_last_row,
        {
            "pages": {"cursor": "items[-1].id", "param": "starting_after", "more": "more"},
            "records": "items",
        },
    ),
    (
        by_cursor,
        {"pages": {"cursor": "meta.next", "param": "cursor", "total": "meta.total"},
         "records": "items"},
    ),
    (by_number, {"pages": SHORT, "records": "items"}),
    (by_number, {"pages": {"number": "page", "until": "empty"}, "records": "items"}),
    (by_number, {"pages": {"number": "page", "total": "total"}, "records": "items"}),
    (by_number, {"pages": {"number": "page", "last": "pages"}, "records": "items"}),
    (
        by_number,
        {"pages": {**SHORT, "size": {"per_page": 50}}, "records": "items"},
    ),
    (
        without_a_page_after_the_last,
        {"pages": {**SHORT, "size": {"per_page": 50}}, "records": "items"},
    ),
    (by_offset, {"pages": {"offset": "skip", "total": "total"}, "records": "items"}),
    (by_offset, {"pages": {"offset": "skip", "until": "empty"}, "records": "items"}),
]  # fmt: skip


@pytest.mark.parametrize(("route", "entity"), KINDS)
def test_all_pages_are_read(
    served: Api, read: Read, route: Callable[[Asked], Told], entity: dict[str, Any]
) -> None:
    served.routes["/t"] = route
    assert read(**entity).to_pylist() == ROWS


def test_pages_and_records_are_inherited_from_the_home(served: Api, read: Read) -> None:
    served.routes["/t"] = by_next
    assert read({"pages": {"next": "next"}, "records": "items"}).num_rows == 23


def test_a_first_page_that_is_not_full_may_be_a_smaller_one(served: Api, read: Read) -> None:
    served.routes["/t"] = lambda asked: Told(part(asked, most=5))
    assert read(pages=SHORT).to_pylist() == ROWS


LOSSES: list[tuple[Callable[[Asked], Told], dict[str, Any], str]] = [
    (by_link, {"pages": "none"}, "Link header says that there is another page"),
    (by_next, {"pages": "none", "records": "items"}, "'next' in it says that there is another"),
    (
        lambda asked: Told(by_link(asked).body, headers={"Link": '<?x>; rel="next"'}),
        {"pages": SHORT},
        "Link header says that there is another page",
    ),
    (
        lambda asked: Told({"items": part(asked), "total": 24}),
        {"pages": {"number": "page", "total": "total"}, "records": "items"},
        "the total 'total' is 24, and the pages have 23 rows",
    ),
    (
        lambda asked: Told({"items": part(asked), "total": 25 - asked.number("page", 1)}),
        {"pages": {"number": "page", "total": "total"}, "records": "items"},
        "the total 'total' changed from 24 to 23",
    ),
    (lambda _: Told(ROWS), {"pages": SHORT}, "the page has the same rows as an earlier one"),
    (
        lambda asked: Told({"items": part(asked), "next": "7"}),
        {"pages": {"cursor": "next", "param": "cursor"}, "records": "items"},
        "the next page is one that was fetched before",
    ),
    (
        lambda _: Told(ROWS, headers={"Link": '</t>; rel="next"'}),
        {"pages": "link"},
        "the next page is one that was fetched before",
    ),
    (
        lambda _: Told({"items": ROWS, "more": True, "next": None}),
        {"pages": {"cursor": "next", "param": "cursor", "more": "more"}, "records": "items"},
        "'more' says that there is another page, which `pages` does not follow",
    ),
    (
        lambda _: Told({"items": ROWS}),
        {"pages": {"cursor": "next", "param": "cursor", "more": "more"}, "records": "items"},
        "'more' is not true or false: null",
    ),
    (
        lambda _: Told(ROWS, headers={"Link": '<https://example.com/t?page=2>; rel="next"'}),
        {"pages": "link"},
        "refers to https://example.com:443: credentials are not sent to another origin",
    ),
    (
        lambda _: Told(status=302, headers={"Location": "https://example.com/t"}),
        {"pages": "none"},
        "refers to https://example.com:443",
    ),
    (
        lambda _: Told(b"<html>Log in</html>", headers={"Content-Type": "text/html"}),
        {"pages": "none"},
        "the response is not JSON (text/html)",
    ),
    (lambda _: Told(b'[{"id": 1}, {"id"'), {"pages": "none"}, "the response is not JSON"),
    (lambda _: Told(b""), {"pages": "none"}, "the response is empty, and is not JSON"),
    (
        lambda _: Told({"data": {"nodes": []}}),
        {"pages": "none", "records": "data.items"},
        "the response has no list of records at 'data.items'; its keys: data",
    ),
    (
        lambda _: Told({"data": {"t": []}, "errors": [{"message": "too complex"}]}),
        {"pages": "none", "records": "data.t"},
        'the response reports errors: [{"message":"too complex"}]',
    ),
    (lambda _: Told([1, 2]), {"pages": "none"}, "record 1 is not an object: 1"),
    (lambda _: Told(ROWS), {"pages": "none", "key": "no"}, "t has no column 'no', which `key`"),
    (
        lambda _: Told([{"a": {"b": 1}, "a_b": 2}]),
        {"pages": "none", "fields": {"a": "flatten"}},
        "flattening makes two columns 'a_b'",
    ),
    (
        lambda _: Told(ROWS),
        {"pages": "none", "add": {"name": "x"}},
        "the column 'name' of `add` is also in the response",
    ),
    (lambda _: Told([]), {"pages": "none"}, "t has no rows, and nothing says which columns"),
    (
        lambda asked: Told([{"id": asked.number("page", 1)}]),
        {"pages": {"number": "page", "until": "empty"}},
        "more than 40 pages",
    ),
]


@pytest.mark.parametrize(("route", "entity", "message"), LOSSES, ids=[said for *_, said in LOSSES])
def test_rows_are_never_lost_in_silence(
    served: Api, read: Read, route: Callable[[Asked], Told], entity: dict[str, Any], message: str
) -> None:
    served.routes["/t"] = route
    assert message in read.refused({"max_pages": 40}, **entity)


def test_values_stay_exact_and_late_types_fit(served: Api, read: Read) -> None:
    pages = [
        b'[{"id": 9007199254740993, "price": 1, "late": 1, "long": 0.1234567890123456789}]',
        b'[{"id": 2, "price": 2.50, "late": "x", "more": {"a": [1]}, "long": 1e5}]',
        b"[]",
    ]
    served.routes["/t"] = lambda asked: Told(pages[asked.number("page", 1) - 1])
    table = read(pages={"number": "page", "until": "empty"})
    assert table.to_pylist() == [
        {"id": 9007199254740993, "price": 1.0, "late": "1", "long": "0.1234567890123456789",
         "more": None},
        {"id": 2, "price": 2.5, "late": "x", "long": "1E+5", "more": {"a": [1]}},
    ]  # fmt: skip
    declared = read(pages={"number": "page", "until": "empty"}, types={"price": "decimal(9,2)"})
    assert [str(one) for one in declared["price"].to_pylist()] == ["1.00", "2.50"]


def test_fields_are_flattened_kept_as_json_and_added(served: Api, read: Read) -> None:
    rows = [
        {"id": 1, "user": {"name": "ann", "at": {"x": 1.50}}, "tags": ["a", {"b": 2}], "n": {}},
        {"id": 2, "user": None, "tags": None, "n": {"z": 1}},
    ]
    served.routes["/t"] = lambda _: Told({"t": rows}, headers={"X-Version": "7"})
    table = read(
        records="t",
        pages="none",
        fields={"user": "flatten", "*": "json"},
        add={"source": "crm", "version": "{headers.X-Version}"},
    )
    assert table.to_pylist() == [
        {"id": 1, "user_name": "ann", "user_at": {"x": 1.5}, "tags": '["a",{"b":2}]', "n": "{}",
         "source": "crm", "version": "7"},
        {"id": 2, "user_name": None, "user_at": None, "tags": None, "n": '{"z":1}',
         "source": "crm", "version": "7"},
    ]  # fmt: skip


def test_requests_have_parameters_headers_and_body(served: Api, read: Read) -> None:
    served.routes["/t"] = lambda _: Told(ROWS)
    home = {"params": {"v": 2, "all": True}, "headers": {"X-A": "1"}, "pages": "none"}
    read(home, params={"v": 3}, headers={"X-B": "2"}, method="POST", body={"q": {"a": [1]}})
    (asked,) = served.asked
    assert asked.params == {"v": "3", "all": "true"}
    assert (asked.headers["x-a"], asked.headers["x-b"]) == ("1", "2")
    assert json.loads(asked.body) == {"q": {"a": [1]}}


# Credentials

AUTH: list[tuple[dict[str, Any], Callable[[Asked], bool]]] = [
    ({"bearer": "s3cr3t"}, lambda asked: asked.headers.get("authorization") == "Bearer s3cr3t"),
    (
        {"basic": {"user": "ann", "password": "s3cr3t"}},
        lambda asked: asked.headers.get("authorization") == "Basic YW5uOnMzY3IzdA==",
    ),
    ({"header": {"X-Key": "s3cr3t"}}, lambda asked: asked.headers.get("x-key") == "s3cr3t"),
    ({"query": {"key": "s3cr3t"}}, lambda asked: asked.params.get("key") == "s3cr3t"),
]


@pytest.mark.parametrize(("auth", "is_good"), AUTH)
def test_credentials_are_sent_with_every_request(
    served: Api, read: Read, auth: dict[str, Any], is_good: Callable[[Asked], bool]
) -> None:
    served.routes["/t"] = lambda asked: by_link(asked) if is_good(asked) else Told({}, 401)
    assert read({"auth": auth}, pages="link").num_rows == 23
    assert len(served.asked) == 3
    wrong = json.loads(json.dumps(auth).replace("s3cr3t", "wr0ng"))
    message = read.refused({"auth": wrong}, pages="link")
    assert "401 Unauthorized" in message
    assert "wr0ng" not in message


@pytest.mark.parametrize("way", ["client", "refresh"])
def test_a_token_is_requested_and_renewed_once(served: Api, read: Read, way: str) -> None:
    def token(asked: Asked) -> Told:
        grant = "client_credentials" if way == "client" else "refresh_token"
        is_good = f"grant_type={grant}".encode() in asked.body
        number = sum(one.path == "/token" for one in served.asked)
        return Told({"access_token": f"tok-{number}", "expires_in": 3600}, 200 if is_good else 400)

    def t(asked: Asked) -> Told:
        wanted = "Bearer tok-1" if asked.number("page", 1) < 2 else "Bearer tok-2"
        return by_link(asked) if asked.headers.get("authorization") == wanted else Told({}, 401)

    served.routes.update({"/token": token, "/t": t})
    more = {"client_secret": "s3cr3t"} if way == "client" else {"refresh_token": "s3cr3t"}
    oauth2 = {"token_url": f"{served.url}/token", "client_id": "hygge", **more}
    assert read({"auth": {"oauth2": oauth2}}, pages="link").num_rows == 23
    assert [one.path for one in served.asked].count("/token") == 2
    served.routes["/t"] = lambda _: Told({}, 401)
    assert "401 Unauthorized" in read.refused({"auth": {"oauth2": oauth2}}, pages="link")


# Faults

NOW = {"Retry-After": "0"}
FAULTS = {
    "429": [Told({}, 429, headers=NOW)] * 2,
    "503": [Told(b"busy", 503, headers=NOW)],
    "403 with a limit": [Told({}, 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0"})],
    "cut": [Told(ROWS, cut=100)],
    "redirect": [Told(status=307, headers={"Location": "/t?page=1"})],
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_request_is_repeated_while_that_helps(served: Api, read: Read, name: str) -> None:
    served.routes["/t"] = by_link
    served.faults = list(FAULTS[name])
    assert read(pages="link").to_pylist() == ROWS
    assert len(served.asked) == 3 + len(FAULTS[name])


def test_only_the_page_that_failed_is_fetched_again(served: Api, read: Read) -> None:
    def failing_once(asked: Asked) -> Told:
        is_first = [one.params for one in served.asked].count(asked.params) == 1
        is_second = asked.number("page", 1) == 2
        return Told({}, 503, headers=NOW) if is_second and is_first else by_link(asked)

    served.routes["/t"] = failing_once
    assert read(pages="link").to_pylist() == ROWS
    assert [one.params.get("page") for one in served.asked] == [None, "2", "2", "3"]


def test_a_wait_that_is_too_long_is_left_to_the_flow(served: Api, read: Read) -> None:
    served.routes["/t"] = lambda _: Told({}, 429, headers={"Retry-After": "7200"})
    home = read.config({"retry_for": "1m"}, pages="none").home(ProjectContext(read.root))
    with pytest.raises(HomeError) as raised, home.open(ReadRequest("t")):
        pass
    assert home.retry_after(raised.value) == 7200
    assert len(served.asked) == 1


def test_a_stop_ends_a_wait(served: Api, read: Read) -> None:
    served.routes["/t"] = lambda _: Told({}, 429, headers={"Retry-After": "200"})

    def stop() -> None:
        if served.asked:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        read(request=ReadRequest("t", go_on=stop), pages="none")


def test_the_wait_is_what_the_response_says() -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=90), usegmt=True)
    assert wanted_wait({"retry-after": "7"}, now) == 7
    assert wanted_wait({"retry-after": later}, now) == 90
    assert wanted_wait({"retry-after": "soon"}, now) is None
    limit = {"x-ratelimit-remaining": "0"}
    at = str(int(now.timestamp()) + 30)
    assert wanted_wait({**limit, "x-ratelimit-reset": at}, now) == 30
    assert wanted_wait({**limit, "x-ratelimit-reset": "12"}, now) == 12
    assert wanted_wait({"x-ratelimit-remaining": "5", "x-ratelimit-reset": at}, now) is None


def test_a_private_address_is_refused_before_anything_is_sent(served: Api, read: Read) -> None:
    served.routes["/t"] = lambda _: Told(ROWS)
    message = read.refused({"allow_private": False}, pages="none")
    assert "is at the private address 127.0.0.1" in message
    assert served.asked == []


def test_a_large_response_is_refused(served: Api, read: Read) -> None:
    served.routes["/t"] = lambda _: Told([{"id": "x" * 5000}])
    assert "is larger than 1,000 bytes" in read.refused({"max_response_bytes": 1000}, pages="none")


def test_a_server_that_is_not_there(read: Read) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        home = {"url": url, "retry_for": 0.1}
        assert "Connection refused" in read.refused(home, pages="none")


def test_a_look_at_columns_fetches_one_page(served: Api, read: Read) -> None:
    served.routes["/t"] = by_link
    assert read(request=ReadRequest("t", purpose=Purpose.PLAN), pages="link").num_rows == 10
    assert len(served.asked) == 1


# Since

SINCE = {"column": "at", "param": "since"}


@pytest.mark.parametrize(
    ("settings", "text", "value"),
    [
        ({}, "2024-03-01 10:00:00.750000+00:00", "2024-03-01T10:00:00Z"),
        ({}, "2024-03-01T12:00:00+02:00", "2024-03-01T10:00:00Z"),
        ({"inclusive": False}, "2024-03-01T10:00:00Z", "2024-03-01T09:59:59Z"),
        ({"granularity": "1h"}, "2024-03-01T10:59:00Z", "2024-03-01T10:00:00Z"),
        ({"granularity": 0.001}, "2024-03-01T10:00:00.123456Z", "2024-03-01T10:00:00.123000Z"),
        ({"format": "date"}, "2024-03-01T10:00:00Z", "2024-03-01"),
        ({"format": "date", "inclusive": False}, "2024-03-01", "2024-02-29"),
        ({"format": "epoch"}, "2024-03-01T10:00:00.9Z", 1709287200),
        ({"format": "epoch"}, "1709287200", 1709287200),
        ({"format": "epoch_ms", "granularity": 0.001}, "1709287200123", 1709287200123),
        ({"format": "text"}, "a-7", "a-7"),
    ],
)
def test_the_watermark_is_written_as_the_api_reads_it(
    settings: dict[str, Any], text: str, value: object
) -> None:
    assert since_value(Since.model_validate({**SINCE, **settings}), text) == value


def test_an_api_filters_by_the_watermark(served: Api, read: Read) -> None:
    def t(asked: Asked) -> Told:
        rows = [{"id": n, "at": f"2024-01-0{n}T00:00:00Z"} for n in range(1, 6)]
        return Told([row for row in rows if str(row["at"]) >= asked.params.get("since", "")])

    served.routes["/t"] = t
    entity: dict[str, Any] = {"pages": "none", "since": SINCE}
    for column, after, ids in (
        ("at", None, [1, 2, 3, 4, 5]),
        ("at", "2024-01-03T00:00:00Z", [3, 4, 5]),
        ("at", "2025-01-01T00:00:00Z", []),
        ("id", "4", [1, 2, 3, 4, 5]),
    ):
        request = ReadRequest("t", watermark=column, after=after)
        assert read(request=request, **entity)["id"].to_pylist() == ids
    request = ReadRequest("t", watermark="at", after="yesterday")
    with pytest.raises(HomeError, match="the watermark 'yesterday' of 'at' is no time"):
        read(request=request, **entity)
