"""The server of the dashboard: reads the journal, answers on one address, changes nothing."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hygge.dashboard import facts, pages
from hygge.errors import UsageError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from hygge.journal.journal import Journal
    from hygge.project import Project

_POLL_SECONDS = 1.0
_HEADERS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_POLICY = (
    "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self';"
    " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Served:
    """What a server shows, and to whom."""

    project: Project
    journal: Journal
    env: str | None
    token: str
    hosts: tuple[str, ...]
    """Values of the header `Host` that are answered; any when empty."""


def make_app(served: Served) -> Starlette:
    """Return the application; each request needs the token, by its address once, then a cookie."""
    from starlette.applications import Starlette
    from starlette.routing import Route

    def guarded(answer: Callable[[Request, str | None], Response]) -> Any:  # noqa: ANN401
        def endpoint(request: Request) -> Response:
            nonce = secrets.token_urlsafe(16)
            part = request.query_params.get("part") == "main"
            refused = _refusal(request, served)
            response = refused or answer(request, None if part else nonce)
            response.headers.update(_HEADERS)
            response.headers["content-security-policy"] = _POLICY.format(nonce=nonce)
            return response

        return endpoint

    def overview(request: Request, nonce: str | None) -> Response:
        found = facts.overview(served.project, served.journal, served.env)
        return _html(pages.overview_page(found, nonce))

    def flow(request: Request, nonce: str | None) -> Response:
        name = request.path_params["name"]
        try:
            found = facts.flow_facts(served.project, served.journal, name, served.env)
        except KeyError:
            return _missing(f"flow {name}", served, nonce)
        return _html(pages.flow_page(found, served.project.name, nonce))

    def run(request: Request, nonce: str | None) -> Response:
        run_id = request.path_params["run_id"]
        try:
            found = facts.one_run(served.journal, run_id)
        except KeyError:
            return _missing(f"run {run_id}", served, nonce)
        return _html(pages.run_page(found, served.project.name, nonce))

    def events(request: Request, nonce: str | None) -> Response:
        from starlette.responses import StreamingResponse

        return StreamingResponse(_changes(served, request), media_type="text/event-stream")

    return Starlette(
        routes=[
            Route("/", guarded(overview)),
            Route("/flows/{name}", guarded(flow)),
            Route("/runs/{run_id}", guarded(run)),
            Route("/events", guarded(events)),
        ]
    )


def serve(app: Starlette, listening: socket.socket) -> None:
    """Answer on a listening socket until the process is stopped."""
    import uvicorn

    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=1, lifespan="off"
    )
    uvicorn.Server(config).run([listening])


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raise `UsageError` when the address cannot be used."""
    try:
        return socket.create_server((host, port), reuse_port=False)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}, port {port}: {error.strerror}",
            hint="choose another one:  hygge dashboard --port 0  takes any free port",
            code="HG235",
        ) from error


def _html(text: str, status: int = 200) -> Response:
    from starlette.responses import HTMLResponse

    return HTMLResponse(text, status)


def _missing(what: str, served: Served, nonce: str | None) -> Response:
    return _html(pages.missing_page(what, served.project.name, nonce), 404)


def _refusal(request: Request, served: Served) -> Response | None:
    """Return what a request without the token gets; a redirect when its address has it."""
    from starlette.responses import PlainTextResponse, RedirectResponse

    host = request.headers.get("host", "")
    if served.hosts and host.rpartition(":")[0] not in served.hosts:
        return PlainTextResponse("this host is not served here\n", 421)
    cookie = f"hygge_token_{request.url.port}"  # browsers share cookies between ports
    given = request.query_params.get("token")
    if given is not None and secrets.compare_digest(given.encode(), served.token.encode()):
        response = RedirectResponse(request.url.path, 303)
        response.set_cookie(cookie, served.token, httponly=True, samesite="strict")
        return response
    known = request.cookies.get(cookie, "")
    if secrets.compare_digest(known.encode(), served.token.encode()):
        return None
    return PlainTextResponse("open the address that hygge dashboard printed\n", 403)


async def _changes(served: Served, request: Request) -> AsyncIterator[str]:
    """Yield an event when the journal has changed; every second while a run is in progress."""
    seen = served.journal.version
    yield ": connected\n\n"
    while not await request.is_disconnected():
        await asyncio.sleep(_POLL_SECONDS)
        now = served.journal.version
        if now != seen or served.journal.is_running:
            seen = now
            yield "event: changed\ndata: \n\n"
