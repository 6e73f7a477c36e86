"""Who learns about the ends of runs, and of what: the items of `notify` in hygge.yml."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from hygge.settings.move import Names, Settings
from hygge.values.plurals import listed

Occasion = Literal["failure", "recovery", "stale", "success"]
_NEEDED = {
    "webhook": ("url",),
    "email": ("host", "sender", "recipients"),
    "command": ("command",),
}
_OWN = {
    "webhook": ("url", "format"),
    "email": ("host", "port", "security", "user", "password", "sender", "recipients"),
    "command": ("command",),
}


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class NotifySettings(Settings):
    """A receiver of messages about runs."""

    to: Literal["webhook", "email", "command"]
    """How the message is sent: `webhook`, `email` or `command`."""
    on: Annotated[
        tuple[Occasion, ...],
        BeforeValidator(_several, json_schema_input_type=Occasion | list[Occasion]),
        Field(min_length=1),
    ] = ("failure", "recovery")
    """What is reported: `failure`, `recovery` (a flow succeeds again), `success`, and `stale`,
    which `hygge status --notify` finds."""
    flows: Names = ()
    """Globs of flows that are reported; all by default."""
    url: SecretStr | None = None
    """Webhook: its URL, such as `${SLACK_URL}`."""
    format: Literal["json", "slack", "teams"] = "json"
    """Webhook: the form of the message."""
    host: Annotated[str, Field(min_length=1)] | None = None
    """Email: the SMTP server."""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    """Email: port of the server."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """Email: encryption of the connection. With `none`, traffic can be intercepted."""
    user: Annotated[str, Field(min_length=1)] | None = None
    """Email: user name; without it hygge does not log in."""
    password: SecretStr | None = None
    """Email: password, such as `${SMTP_PASSWORD}`."""
    sender: Annotated[str, Field(min_length=3, pattern="@")] | None = None
    """Email: address of the sender."""
    recipients: Names = ()
    """Email: addresses of the recipients."""
    command: Names = ()
    """Command: program and arguments, run in the project's directory. It reads the message as JSON
    from standard input."""

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parts = urlsplit(url.get_secret_value())
            is_marked = url.get_secret_value().startswith("${")
            if not is_marked and (parts.scheme not in ("http", "https") or not parts.hostname):
                raise ValueError("write it as https://host/path")
        return url

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        missing = [name for name in _NEEDED[self.to] if not getattr(self, name)]
        if missing:
            raise ValueError(f"to: {self.to} requires {listed(missing)}")
        given = self.model_fields_set - {"to", "on", "flows"}
        foreign = sorted(given.difference(_OWN[self.to]))
        if foreign:
            raise ValueError(f"to: {self.to} has no {listed(foreign)}")
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password are set together")
        return self

    @property
    def shown(self) -> str:
        """What it is, for messages, without secrets."""
        match self.to:
            case "webhook":
                url = self.url.get_secret_value() if self.url else ""
                return f"webhook at {urlsplit(url).hostname}"
            case "email":
                return f"email by {self.host}"
            case _:
                return f"command {self.command[0]}"
