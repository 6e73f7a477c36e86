"""Messages about the ends of runs, sent to the receivers of `notify` in hygge.yml.

A message never decides on a run: what cannot be delivered within ten seconds is a warning.
"""

from __future__ import annotations

import json
import platform
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hygge.settings.notify import NotifySettings
from hygge.values.plurals import plural
from hygge.values.redact import redact

if TYPE_CHECKING:
    from hygge.operations.status import FlowStatus
    from hygge.values.model import Outcome

MOST_SECONDS = 10.0
"""Maximum time that all messages of one run take."""
_SHOWN = 20
"""Maximum number of moves that a text names."""
_WELL = ("ok", "kept")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to report."""

    occasion: str
    """failure, recovery, stale or success."""
    flow: str
    entity: str | None = None
    text: str = ""
    code: str | None = None
    hint: str | None = None
    rows: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What one receiver learns."""

    project: str
    env: str | None
    items: tuple[Item, ...]
    run_id: str | None = None
    host: str = field(default_factory=platform.node)

    @property
    def title(self) -> str:
        """Return one line that says what happened, and where."""
        counts = []
        for occasion, verb in (
            ("failure", "failed"),
            ("stale", "stale"),
            ("recovery", "recovered"),
            ("success", "succeeded"),
        ):
            flows = list(dict.fromkeys(one.flow for one in self.items if one.occasion == occasion))
            if len(flows) == 1:
                counts.append(f"{flows[0]} {verb}")
            elif flows:
                counts.append(f"{plural(len(flows), 'flow')} {verb}")
        where = f" ({self.env})" if self.env else ""
        return f"hygge {self.project}{where}: {', '.join(counts) or 'test message'}"

    @property
    def text(self) -> str:
        """Return the message as plain text."""
        lines = [self.title]
        lines += [""] if self.items else []
        for one in self.items[:_SHOWN]:
            lines += _lines(one)
        if (more := len(self.items) - _SHOWN) > 0:
            lines.append(f"and {plural(more, 'more move')}")
        run = (self.run_id or "")[:8]
        where = f"run {run} on {self.host}:  hygge history {run}" if run else f"on {self.host}"
        lines += ["", where]
        return "\n".join(lines)

    def values(self) -> dict[str, Any]:
        """Return the message for programs."""
        return {
            "project": self.project,
            "env": self.env,
            "host": self.host,
            "run_id": self.run_id,
            "title": self.title,
            "text": self.text,
            "items": [asdict(one) for one in self.items],
        }


def _lines(one: Item) -> Iterator[str]:
    name = one.flow if one.entity in (None, one.flow) else f"{one.flow} ({one.entity})"
    code = f" [{one.code}]" if one.code else ""
    said = f": {one.text}" if one.text else ""
    match one.occasion:
        case "failure":
            yield f"{name} failed{code}{said}"
        case "stale":
            yield f"{name} is stale{said}"
        case "recovery":
            yield f"{name} succeeded again: {plural(one.rows or 0, 'row')}"
        case _:
            yield f"{name} succeeded: {plural(one.rows or 0, 'row')}"
    if one.hint:
        yield f"  help: {one.hint}"


def of_outcomes(outcomes: Iterable[Outcome], failing: Iterable[str]) -> list[Item]:
    """Return what a run reports: causes first, then what was skipped because of them.

    `failing` are the flows whose newest moves failed before the run.
    """
    outcomes = sorted(outcomes, key=lambda one: one.result.value == "skipped")
    before = set(failing)
    bad = {one.flow for one in outcomes if one.result.value not in _WELL}
    items = []
    for one in outcomes:
        if one.result.value not in _WELL:
            failure = one.failure
            items.append(
                Item(
                    "failure",
                    one.flow,
                    one.entity,
                    redact(failure.message) if failure else one.result.value,
                    failure.code if failure else None,
                    redact(failure.hint) if failure and failure.hint else None,
                )
            )
        elif one.flow in before - bad:
            items.append(Item("recovery", one.flow, one.entity, rows=one.rows, seconds=one.seconds))
        if one.result.value in _WELL:
            items.append(Item("success", one.flow, one.entity, rows=one.rows, seconds=one.seconds))
    return items


def of_status(found: Iterable[FlowStatus]) -> list[Item]:
    """Return what `hygge status` reports: stale flows."""
    return [
        Item("stale", one.flow, entity, f"no success since {one.last_success or 'the start'}")
        for one in found
        for entity in one.stale
    ]


def chosen(receiver: NotifySettings, items: Iterable[Item]) -> tuple[Item, ...]:
    """Return the items that a receiver wants; a recovery is not reported again as a success."""
    found = [
        one
        for one in items
        if one.occasion in receiver.on
        and (not receiver.flows or any(fnmatchcase(one.flow, glob) for glob in receiver.flows))
    ]
    recovered = {(one.flow, one.entity) for one in found if one.occasion == "recovery"}
    return tuple(
        one for one in found if one.occasion != "success" or (one.flow, one.entity) not in recovered
    )


def send(messages: Sequence[tuple[NotifySettings, Message]], root: Path) -> list[str]:
    """Send messages at the same time; return why some were not delivered, without secrets."""
    problems: dict[int, str] = {}
    done: set[int] = set()

    def one(number: int, receiver: NotifySettings, message: Message) -> None:
        try:
            _deliver(receiver, message, root)
        except Exception as error:  # of any library below; it must not end the run
            problems[number] = redact(str(error).strip() or type(error).__name__)
        done.add(number)

    threads = [
        threading.Thread(target=one, args=(number, *pair), daemon=True, name="hygge-notify")
        for number, pair in enumerate(messages)
    ]
    for thread in threads:
        thread.start()
    ends = _now() + MOST_SECONDS
    for thread in threads:
        thread.join(max(ends - _now(), 0.0))
    for number in range(len(messages)):
        if number not in done:
            problems[number] = f"no answer within {MOST_SECONDS:.0f} s"
    return [
        f"the message to {messages[number][0].shown} was not delivered: {why}"
        for number, why in sorted(problems.items())
    ]


def _now() -> float:
    import time

    return time.monotonic()


def _deliver(receiver: NotifySettings, message: Message, root: Path) -> None:
    match receiver.to:
        case "webhook":
            _post(receiver, message)
        case "email":
            _mail(receiver, message)
        case _:
            _call(receiver, message, root)


def _post(receiver: NotifySettings, message: Message) -> None:
    from urllib.error import HTTPError, URLError
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class NoRedirects(HTTPRedirectHandler):
        def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
            return None

    assert receiver.url is not None
    request = Request(
        receiver.url.get_secret_value(),
        json.dumps(_body(receiver, message)).encode(),
        {"content-type": "application/json", "user-agent": "hygge"},
        method="POST",
    )
    try:
        build_opener(NoRedirects()).open(request, timeout=MOST_SECONDS).close()
    except HTTPError as error:
        error.close()
        raise OSError(f"the server answered {error.code} {error.reason}") from None
    except URLError as error:
        raise OSError(str(error.reason)) from None


def _body(receiver: NotifySettings, message: Message) -> Mapping[str, Any]:
    if receiver.format == "slack":
        text = message.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return {"text": text}
    if receiver.format == "json":
        return message.values()
    title, _, rest = message.text.partition("\n\n")
    card = {
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "TextBlock", "text": title, "weight": "bolder", "wrap": True},
            {"type": "TextBlock", "text": rest.replace("\n", "\n\n"), "wrap": True},
        ],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


def _mail(receiver: NotifySettings, message: Message) -> None:
    import smtplib
    import ssl
    from email.message import EmailMessage
    from email.utils import formatdate, make_msgid

    assert receiver.host is not None
    assert receiver.sender is not None
    letter = EmailMessage()
    letter["subject"] = " ".join(message.title.split())
    letter["from"] = receiver.sender
    letter["to"] = ", ".join(receiver.recipients)
    letter["date"] = formatdate(localtime=False)
    letter["message-id"] = make_msgid(domain=receiver.sender.rpartition("@")[2])
    letter["auto-submitted"] = "auto-generated"
    letter.set_content(message.text)
    context = ssl.create_default_context()
    address = (receiver.host, receiver.port)
    server: smtplib.SMTP
    if receiver.security == "tls":
        server = smtplib.SMTP_SSL(*address, timeout=MOST_SECONDS, context=context)
    else:
        server = smtplib.SMTP(*address, timeout=MOST_SECONDS)
    with server:
        if receiver.security == "starttls":
            server.starttls(context=context)
        if receiver.user is not None and receiver.password is not None:
            server.login(receiver.user, receiver.password.get_secret_value())
        server.send_message(letter)


def _call(receiver: NotifySettings, message: Message, root: Path) -> None:
    import subprocess

    try:
        ran = subprocess.run(
            list(receiver.command),
            input=json.dumps(message.values()),
            text=True,
            cwd=root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"it did not end within {MOST_SECONDS:.0f} s") from None
    if ran.returncode:
        lines = ran.stderr.strip().splitlines()
        raise OSError(f"it ended with {ran.returncode}" + (f": {lines[-1]}" if lines else ""))
