"""Requests to one API: repeated while that may help, bounded, and never to another origin."""

from __future__ import annotations

import ipaddress
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec

from hygge import __version__
from hygge.connectors.rest.config import RestHomeConfig
from hygge.connectors.rest.credentials import Credentials
from hygge.connectors.rest.faults import PassingError
from hygge.connectors.rest.waiting import pause, rate_of, wanted_wait
from hygge.errors import HomeError

log = logging.getLogger(__name__)

_REPEATED = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 60.0
_TRUSTED = 3
"""Attempts after which a wait that a response asks for is only a minimum."""
_MOST_REDIRECTS = 5
_SHOWN = 200
"""Characters of a response that an error quotes."""

for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # they log URLs with their parameters


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    method: str
    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    """Parameters that are added to those of the URL."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    """JSON; None without a body."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful response, read to its end."""

    url: str
    """Without credentials."""
    status: int
    headers: httpx2.Headers
    content: bytes


class StatusError(HomeError):
    """A response that reports an error."""

    status: int = 0


class Client:
    """Connections to one API; used by one thread at a time."""

    def __init__(self, config: RestHomeConfig, go_on: Callable[[], None]) -> None:
        self._config = config
        self._go_on = go_on
        self._origin = origin_of(config.url)
        self._rate = rate_of(config.url, config.seconds_between)
        self._credentials = Credentials(config.auth, self._post_form)
        self._http = httpx2.Client(
            timeout=config.timeout,
            follow_redirects=False,
            trust_env=False,  # no credentials of ~/.netrc, no proxy that sees them
            headers={"user-agent": f"hygge/{__version__}", "accept": "application/json"},
        )

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def fetch(self, call: Call) -> Answer:
        """Return the response to a request. Raises `HomeError`; `StatusError` by its status."""
        self.check_origin(call.url)
        return self._repeated(call, self._authorized)

    def check_origin(self, url: str) -> None:
        """Raise `HomeError` for a URL on another origin, where credentials must not go."""
        if origin_of(url) != self._origin:
            raise HomeError(
                f"{self._origin} refers to {origin_of(url)}: credentials are not sent to another "
                "origin",
                hint="set `url` to the origin that has the data",
            )

    def _repeated(self, call: Call, send: Callable[[Call], Answer]) -> Answer:
        """Repeat a request until it succeeds, `retry_for` has passed, or that cannot help."""
        until = time.monotonic() + self._config.retry_for
        attempt = 0
        while True:
            try:
                return send(call)
            except PassingError as error:
                left = until - time.monotonic()
                attempt += 1
                drawn = min(_FIRST_WAIT * 2.0 ** min(attempt - 1, 20), _LONGEST_WAIT)
                wait = drawn * random.uniform(0.5, 1)
                if error.seconds is not None:
                    wait = error.seconds if attempt <= _TRUSTED else max(wait, error.seconds)
                if wait > left:
                    error.add_note(f"not repeated: retry_for is {self._config.retry_for:g} s")
                    raise
                log.info("%s; the request is repeated in %.1f s", error.message, wait)
                pause(wait, self._go_on)

    def _authorized(self, call: Call) -> Answer:
        """Send a request with credentials; renew a refused token once."""
        try:
            return self._send(call, self._credentials.headers(), self._credentials.params())
        except StatusError as error:
            if error.status != 401 or not self._credentials.renew():
                raise
        return self._send(call, self._credentials.headers(), self._credentials.params())

    def _send(
        self, call: Call, headers: Mapping[str, str] = {}, secrets: Mapping[str, str] = {}
    ) -> Answer:
        """Send a request, and follow redirects on the same origin."""
        url = httpx2.URL(call.url).copy_merge_params({**call.params, **secrets})
        for _ in range(_MOST_REDIRECTS):
            answer = self._exchange(call, url, {**call.headers, **headers}, secrets)
            if not isinstance(answer, httpx2.URL):
                return answer
            self.check_origin(str(answer))
            if call.method != "GET":
                raise HomeError(f"{shown(url, secrets)} redirects a {call.method} request")
            url = answer.copy_merge_params(secrets)
        raise HomeError(f"{shown(url, secrets)}: more than {_MOST_REDIRECTS} redirects")

    def _exchange(
        self,
        call: Call,
        url: httpx2.URL,
        headers: Mapping[str, str],
        secrets: Mapping[str, str],
    ) -> Answer | httpx2.URL:
        """Send one request; return the response, or where it redirects to."""
        place = f"{call.method} {shown(url, secrets)}"
        self._rate.wait(self._go_on)
        content = None if call.body is None else msgspec.json.encode(call.body)
        kind = {} if content is None else {"content-type": "application/json"}
        with (
            _explained(place),
            self._http.stream(
                call.method,
                url,
                headers={**kind, **headers},
                content=content,
                extensions={"trace": self._trace},
            ) as response,
        ):
            if response.is_redirect and "location" in response.headers:
                return url.join(response.headers["location"])
            found = self._read(response, place)
            if response.is_success:
                return Answer(shown(url, secrets), response.status_code, response.headers, found)
            raise _refusal(response, found, place)

    def _read(self, response: httpx2.Response, place: str) -> bytes:
        """Return the whole body; raise `HomeError` for one that is too large."""
        parts, size = [], 0
        for part in response.iter_bytes():
            self._go_on()
            size += len(part)
            if size > self._config.max_response_bytes:
                raise HomeError(
                    f"{place}: the response is larger than "
                    f"{self._config.max_response_bytes:,} bytes",
                    hint="request smaller pages, or raise  max_response_bytes  in the home",
                )
            parts.append(part)
        return b"".join(parts)

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Refuse a private address as soon as it is connected, before anything is sent."""
        if event != "connection.connect_tcp.complete" or self._config.allow_private:
            return
        address = info["return_value"].get_extra_info("server_addr")
        if address and not ipaddress.ip_address(address[0].partition("%")[0]).is_global:
            info["return_value"].close()
            raise HomeError(
                f"{self._origin} is at the private address {address[0]}",
                hint="if that is intended, set  allow_private: true  in the home",
            )

    def _post_form(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Post a form with credentials to the server that issues tokens."""
        with (
            _explained(f"POST {url}"),
            self._http.stream(
                "POST", url, data=dict(form), headers=headers, extensions={"trace": self._trace}
            ) as response,
        ):
            found = self._read(response, f"POST {url}")
            if not response.is_success:
                raise _refusal(response, found, f"POST {url}", is_secret=True)
        try:
            answer = msgspec.json.decode(found, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise HomeError(f"POST {url}: the response is not a JSON object", code="HG507") from (
                error
            )
        return answer


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    try:
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        port = None
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


def shown(url: httpx2.URL, secrets: Mapping[str, str]) -> str:
    """Return a URL for messages: without user information, secrets masked."""
    plain = url.copy_with(username=None, password=None) if url.userinfo else url
    for name in secrets:
        plain = plain.copy_set_param(name, "...")
    return str(plain)


@contextmanager
def _explained(place: str) -> Iterator[None]:
    """Turn failures of the network into `PassingError`, those of the URL into `HomeError`."""
    try:
        yield
    except (httpx2.TransportError, httpx2.DecodingError) as error:
        what = str(error) or type(error).__name__
        raise PassingError(
            f"{place}: {what}", hint="to test the connection:  hygge doctor"
        ) from error
    except (httpx2.InvalidURL, httpx2.HTTPError) as error:
        raise HomeError(f"{place}: {error}") from error


def _refusal(
    response: httpx2.Response, content: bytes, place: str, *, is_secret: bool = False
) -> HomeError:
    """Return the error for a response that reports one."""
    status = response.status_code
    said = "" if is_secret else quoted(content)
    what = f"{place}: {status} {response.reason_phrase}{said}"
    wait = wanted_wait(response.headers, datetime.now(UTC))
    is_limited = status == 403 and wait is not None
    if status in _REPEATED or is_limited:
        error = PassingError(what, hint="request less:  rate: 5/s  in the home")
        error.seconds = wait
        return error
    hints = {
        401: "check `auth` in the home's file and the variables it uses",
        403: "the credentials do not permit this; check `auth` in the home's file",
        404: "check `url` and `path` in the home's file",
    }
    refused = StatusError(
        what,
        hint=hints.get(status, "check `params` and `body` in the home's file"),
        code="HG507" if status in (401, 403) else None,
    )
    refused.status = status
    return refused


def quoted(content: bytes) -> str:
    """Return the start of a response for a message; empty for an empty one."""
    text = " ".join(content[: 4 * _SHOWN].decode("utf-8", "replace").split())
    if not text:
        return ""
    return f": {text[:_SHOWN]}…" if len(text) > _SHOWN else f": {text}"
