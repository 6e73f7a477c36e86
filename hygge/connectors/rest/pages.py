"""From one page of an entity to the next, until all of them were fetched."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urljoin

import httpx2
import msgspec

from hygge.connectors.rest.client import Call, StatusError
from hygge.connectors.rest.faults import changed
from hygge.connectors.rest.paging import PageKeys, Pages
from hygge.connectors.rest.records import Page, search
from hygge.errors import HomeError

Fetch = Callable[[Call], Page]
_SIGNS_OF_MORE = ("next", "links.next", "_links.next", "paging.next", "has_more")
"""Where a response commonly says that there is another page, for `pages: none`."""
_END = 404
"""Status of a page after the last one, where the last one was not known to be it."""


def pages(kind: Pages, first: Call, fetch: Fetch, *, most: int) -> Iterator[Page]:
    """Yield all pages of an entity.

    Raises `HomeError` for a page that repeats, a total that is missed, a next page that is not
    followed, and for more than `most` pages.
    """
    watched = Watched(fetch, most)
    total = Total(None if isinstance(kind, str) else kind.total)
    page = None
    for page in _walk(kind)(first, watched.fetch, total):
        total.add(page)
        yield page
    total.check()
    if kind != "link" and page is not None and page.rows and "next" in links(page):
        raise _unfollowed(page, "its Link header")


def _walk(kind: Pages) -> Callable[[Call, Fetch, Total], Iterator[Page]]:
    if isinstance(kind, str):
        return _link if kind == "link" else _none
    walks = {"next": _next, "cursor": _cursor, "number": _counted, "offset": _counted}
    return partial(walks[kind.way], kind)


def _none(first: Call, fetch: Fetch, _: Total) -> Iterator[Page]:
    page = fetch(first)
    yield page
    is_row = any(row is page.document for row in page.rows)
    for sign in _SIGNS_OF_MORE if isinstance(page.document, dict) and not is_row else ():
        if search(sign, page.document, page.answer.url):
            raise _unfollowed(page, f"'{sign}' in it")


def _link(first: Call, fetch: Fetch, _: Total) -> Iterator[Page]:
    call: Call | None = first
    while call is not None:
        page = fetch(call)
        yield page
        url = links(page).get("next")
        call = None if url is None else _moved(call, url)


def _next(kind: PageKeys, first: Call, fetch: Fetch, _: Total) -> Iterator[Page]:
    call: Call | None = first
    expression = kind.next or ""
    while call is not None:
        page = fetch(call)
        yield page
        url = page.find(expression)
        if url is not None and not isinstance(url, str):
            raise HomeError(
                f"{page.answer.url}: '{expression}' is not a URL: {_text(url)}",
                hint="for a value that becomes a parameter, use  pages: {cursor: …, param: …}",
            )
        call = _moved(call, url) if url else None


def _cursor(kind: PageKeys, first: Call, fetch: Fetch, _: Total) -> Iterator[Page]:
    call: Call | None = first
    at = kind.cursor or ""
    while call is not None:
        page = fetch(call)
        yield page
        more = None if kind.more is None else page.find(kind.more)
        cursor = None if more is False else page.find(at)
        if kind.more is not None and not isinstance(more, bool):
            raise HomeError(f"{page.answer.url}: '{kind.more}' is not true or false: {_text(more)}")
        if isinstance(cursor, dict | list):
            raise HomeError(f"{page.answer.url}: '{at}' is not a cursor: {_text(cursor)}")
        if more and cursor in (None, ""):
            raise _unfollowed(page, f"'{kind.more}'")
        call = None if cursor in (None, "", False) else placed(call, kind.param, kind.body, cursor)


def _counted(kind: PageKeys, first: Call, fetch: Fetch, total: Total) -> Iterator[Page]:
    """Yield pages that are requested by their number, or by the rows before them."""
    size = {name: str(value) for name, value in (kind.size or {}).items()}
    seen, repeats = 0, Repeats()
    full = 0  # rows of the first page: an API may send fewer than requested
    for number in count():
        at = {kind.number: kind.first + number, kind.offset: seen}
        place = {name: str(value) for name, value in at.items() if name is not None}
        call = replace(first, params={**first.params, **size, **place})
        try:
            page = fetch(call)
        except StatusError as error:
            if number and kind.until == "short" and error.status == _END:
                return
            raise
        repeats.check(page)
        yield page
        rows = len(page.rows)
        seen += rows
        if kind.until is not None:
            if rows == 0 or (kind.until == "short" and rows < full):
                return
        elif kind.total is not None:
            if seen >= total.promised or rows == 0:
                return
        elif kind.last is not None:
            last = _integer(page, kind.last)
            if kind.first + number >= last:
                return
        full = full or rows


class Watched:
    """Fetches pages, and refuses the same request twice."""

    def __init__(self, fetch: Fetch, most: int) -> None:
        self._fetch = fetch
        self._most = most
        self._seen: set[bytes] = set()

    def fetch(self, call: Call) -> Page:
        """Return a page. Raises `HomeError` for a request that was sent before."""
        asked = _digest([call.url, dict(call.params), call.body])
        if asked in self._seen:
            raise HomeError(
                f"{call.url}: the next page is one that was fetched before, so the pages never end",
                hint="check `pages` in the home's file",
            )
        if len(self._seen) >= self._most:
            raise HomeError(
                f"{call.url}: more than {self._most:,} pages",
                hint="request larger pages, or raise  max_pages  in the home",
            )
        self._seen.add(asked)
        return self._fetch(call)


class Repeats:
    """Finds a page that is sent twice, as by an API that ignores the page's number."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def check(self, page: Page) -> None:
        """Raise `HomeError` for rows that another page had."""
        digest = _digest(page.rows)
        if page.rows and digest in self._seen:
            raise HomeError(
                f"{page.answer.url}: the page has the same rows as an earlier one",
                hint="the API may ignore the parameter of `pages` in the home's file; check its "
                "name",
            )
        self._seen.add(digest)


class Total:
    """The number of rows that the API promises, and those that it sent."""

    def __init__(self, expression: str | None) -> None:
        self._expression = expression
        self._rows = 0
        self._place = ""
        self.promised = 0

    def add(self, page: Page) -> None:
        """Receive a page, before the next one is requested."""
        if self._expression is None:
            return
        promised = _integer(page, self._expression)
        if promised < self.promised:
            raise changed(
                f"{page.answer.url}: the total '{self._expression}' changed from "
                f"{self.promised:,} to {promised:,}"
            )
        self.promised, self._place = promised, page.answer.url
        self._rows += len(page.rows)

    def check(self) -> None:
        """Raise `HomeError` where another number of rows was sent than promised."""
        if self._expression is not None and self._rows != self.promised:
            raise changed(
                f"{self._place}: the total '{self._expression}' is {self.promised:,}, and the "
                f"pages have {self._rows:,} rows"
            )


def links(page: Page) -> dict[str, str]:
    """Return the URLs of the Link header by their relation."""
    try:
        found = httpx2.Response(200, headers=page.answer.headers).links
    except ValueError:
        return {}
    return {str(name): one["url"] for name, one in found.items() if name and "url" in one}


def placed(call: Call, param: str | None, body: str | None, value: object) -> Call:
    """Return a call with a value in a parameter, or at a dotted path of its body."""
    if param is not None:
        return replace(call, params={**call.params, param: _text(value)})
    whole: dict[str, Any] = copy.deepcopy(call.body) if isinstance(call.body, dict) else {}
    *way, last = (body or "").split(".")
    inner = whole
    for step in way:
        found = inner.setdefault(step, {})
        if not isinstance(found, dict):
            raise HomeError(f"'{step}' of '{body}' is not a mapping in the body of the request")
        inner = found
    inner[last] = value
    return replace(call, body=whole)


def _moved(call: Call, url: str) -> Call:
    """Return a call to the next page's URL, which replaces parameters that it sets itself."""
    to = urljoin(call.url, url)
    said = {name for name, _ in parse_qsl(httpx2.URL(to).query.decode(), keep_blank_values=True)}
    left = {} if said else dict(call.params)
    return replace(call, url=to, params=left)


def _integer(page: Page, expression: str) -> int:
    found = page.find(expression)
    if isinstance(found, str) and found.isascii() and found.isdigit():
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool):
        raise HomeError(
            f"{page.answer.url}: '{expression}' of `pages` is not a number: {_text(found)}",
            hint="check `pages` in the home's file",
        )
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _digest(value: object) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(value), digest_size=16).digest()


def _unfollowed(page: Page, sign: str) -> HomeError:
    return HomeError(
        f"{page.answer.url}: {sign} says that there is another page, which `pages` does not follow",
        hint="change `pages` in the home's file:  link, {next: …} or {cursor: …}",
    )
