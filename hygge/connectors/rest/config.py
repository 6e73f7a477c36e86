"""Settings of homes that are APIs."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from hygge.connector import Home, HomeConfig, ProjectContext
from hygge.connectors.rest.paging import Expression, Name, Pages, Settings
from hygge.settings.move import Bytes, Seconds
from hygge.types.type_names import TypeName

_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|m|h)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}

Params = dict[Name, str | int | float | bool]


class Basic(Settings):
    """User name and password."""

    user: Annotated[str, Field(min_length=1)]
    """User name."""
    password: SecretStr
    """Password: `${API_PASSWORD}`."""


class OAuth2(Settings):
    """A token that is requested from a server."""

    token_url: str
    """URL that issues tokens."""
    client_id: Annotated[str, Field(min_length=1)]
    """Name of the client."""
    client_secret: SecretStr | None = None
    """Secret of the client: `${CLIENT_SECRET}`."""
    refresh_token: SecretStr | None = None
    """Refresh token: `${REFRESH_TOKEN}`; without it the client's own credentials are used."""
    scope: str | None = None
    """Requested scopes, separated by spaces."""
    client_auth: Literal["basic", "body"] = "basic"
    """Where the client's name and secret are sent: in the Authorization header or in the body."""

    @field_validator("token_url")
    @classmethod
    def _is_url(cls, text: str) -> str:
        return check_url(text)

    @model_validator(mode="after")
    def _has_credentials(self) -> Self:
        if self.client_secret is None and self.refresh_token is None:
            raise ValueError("set `client_secret`, `refresh_token`, or both")
        return self


class Auth(Settings):
    """How requests are authenticated: one of the keys."""

    bearer: SecretStr | None = None
    """Token for `Authorization: Bearer`: `${API_TOKEN}`."""
    basic: Basic | None = None
    """User name and password."""
    header: dict[Name, SecretStr] | None = None
    """Headers with secrets: `{X-Api-Key: ${API_KEY}}`."""
    query: dict[Name, SecretStr] | None = None
    """Parameters of the URL with secrets: `{api_key: ${API_KEY}}`."""
    oauth2: OAuth2 | None = None
    """A token that hygge requests and renews."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(self.__dict__[name] is not None for name in type(self).model_fields) != 1:
            raise ValueError("set one of bearer, basic, header, query, oauth2")
        return self


class Since(Settings):
    """How the API receives the watermark of an incremental flow."""

    column: Name
    """Column that the API filters by: that of `incremental` in the flow."""
    param: Name | None = None
    """Parameter of the URL that receives the watermark."""
    body: Name | None = None
    """Path in the request's body that receives the watermark, such as `variables.since`."""
    format: Literal["iso", "epoch", "epoch_ms", "date", "text"] = "iso"
    """How the watermark is written: ISO 8601 in UTC, seconds or milliseconds since 1970, or as is.
    """
    granularity: Seconds = 1.0
    """Precision of the API's filter; the watermark is rounded down to it."""
    inclusive: bool = True
    """Whether the API returns rows at the value; otherwise the value before it is sent."""

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if (self.param is None) == (self.body is None):
            raise ValueError("set `param` or `body`: where the watermark goes in the request")
        if self.format == "text" and not self.inclusive:
            raise ValueError(
                "format: text is sent as it is, so rows at the watermark would be lost: use it "
                "only with an inclusive filter"
            )
        return self


class RestEntity(Settings):
    """One entity: a path of the API."""

    path: str
    """Path below `url`: `/v1/customers`."""
    method: Literal["GET", "POST"] = "GET"
    """Method of the requests."""
    params: Params = Field(default_factory=dict)
    """Parameters of the URL: `{state: all, sort: updated}`."""
    headers: dict[Name, str] = Field(default_factory=dict)
    """Headers, in addition to those of the home."""
    body: dict[str, Any] | None = None
    """JSON body of POST requests, such as a GraphQL query with its variables."""
    records: Expression | None = None
    """JMESPath to the list of rows, `data.items`; by default that of the home, or the whole
    response."""
    pages: Pages | None = None
    """How the next page is found; by default that of the home. One of the two must set it."""
    fields: dict[Name, Literal["flatten", "json"]] = Field(default_factory=dict)
    """What becomes of nested columns: `flatten` makes a column `a_b` of each member, `json` keeps
    the text. `"*"` means all others. By default they stay nested."""
    add: dict[Name, str | int | float | bool | None] = Field(default_factory=dict)
    """More columns: constants, or `{headers.NAME}` for a header of the response."""
    types: dict[Name, TypeName] = Field(default_factory=dict)
    """Types of columns, by name; others are inferred from all rows."""
    key: tuple[Name, ...] | Name | None = None
    """Columns that identify a row, for flows without `primary_key`."""
    since: Since | None = None
    """How the API filters by the watermark of a flow; without it, all rows are fetched."""

    @field_validator("path")
    @classmethod
    def _is_path(cls, text: str) -> str:
        if not text.startswith("/") or "?" in text or "#" in text:
            raise ValueError("must begin with / and contain neither ? nor #; see `params`")
        return text

    @model_validator(mode="after")
    def _body_is_posted(self) -> Self:
        if self.body is not None and self.method == "GET":
            raise ValueError("`body` needs  method: POST")
        return self


class RestHomeConfig(HomeConfig, type="rest"):
    """Reads rows from an API over HTTP: JSON that is sent in pages.

    All pages of an entity are fetched into private files before its first row is moved, so types
    fit every row, and an error on the last page publishes nothing. Integers keep all digits, as do
    decimals that a double cannot represent; see the type jsonl. Objects and lists are nested
    columns unless `fields` says otherwise.

    A page that repeats, a total that is missed, a next page that `pages` does not follow and a
    response that is not JSON fail the move. Failed requests, and responses 408, 429, 500, 502, 503
    and 504, are repeated until `retry_for` has passed; Retry-After and X-RateLimit-Reset are
    observed. Redirects and next pages on another origin are refused, so credentials never leave
    it.

    | `pages` | the next page |
    |---|---|
    | `none` | there is one page only |
    | `link` | the URL in the `Link` header, rel="next" |
    | `{next: links.next}` | a URL in the response |
    | `{cursor: meta.next, param: cursor}` | a value of the response becomes a parameter |
    | `{cursor: data.page.end, body: variables.after, more: data.page.more}` | or part of the body |
    | `{number: page, size: {per_page: 100}, until: short}` | numbered pages |
    | `{offset: skip, size: {limit: 100}, total: meta.total}` | pages that begin at a row |
    """

    drivers: ClassVar = ("httpx2", "jmespath", "msgspec")
    extra: ClassVar = "rest"
    aliases: ClassVar = ("http", "https", "api", "graphql", "rest_api")

    url: Annotated[str, Field(min_length=1)]
    """Start of all URLs: `https://api.example.com/v1`. Credentials belong in `auth`."""
    auth: Auth | None = None
    """How requests are authenticated."""
    headers: dict[Name, str] = Field(default_factory=dict)
    """Headers of all requests."""
    params: Params = Field(default_factory=dict)
    """Parameters of all URLs."""
    records: Expression | None = None
    """JMESPath to the list of rows in a response, for entities that set no other."""
    pages: Pages | None = None
    """How the next page is found, for entities that set no other."""
    entities: Annotated[dict[Name, RestEntity], Field(min_length=1)]
    """The entities by name."""
    rate: Annotated[str | None, Field(pattern=rf"^{_RATE.pattern}$")] = None
    """Maximum number of requests: `10/s`, `100/m` or `5000/h`; unlimited by default."""
    timeout: Seconds = 60.0
    """Maximum time to connect, and to wait for more of a response."""
    retry_for: Seconds = 300.0
    """Maximum time to wait for one page to be sent without an error."""
    max_pages: Annotated[int, Field(ge=1)] = 100_000
    """Maximum number of pages of an entity; more fail the move."""
    max_response_bytes: Bytes = 2**27
    """Maximum size of a response, uncompressed."""
    max_spool_bytes: Bytes = 10 * 2**30
    """Maximum bytes on disk until the rows are published."""
    allow_private: bool = False
    """Whether the API may be on this machine or in a private network."""

    @field_validator("url")
    @classmethod
    def _is_url(cls, text: str) -> str:
        return check_url(text).rstrip("/")

    @model_validator(mode="after")
    def _every_entity_has_pages(self) -> Self:
        for name, entity in self.entities.items():
            if entity.pages is None and self.pages is None:
                raise ValueError(
                    f"set `pages` for entity '{name}', or for the home:  pages: none | link | "
                    "{next: …} | {cursor: …} | {number: …} | {offset: …}"
                )
        return self

    @property
    def seconds_between(self) -> float:
        """The minimum seconds between two requests, by `rate`."""
        found = _RATE.fullmatch(self.rate or "")
        return _SECONDS[found[2]] / float(found[1]) if found and float(found[1]) else 0.0

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return the URL of an entity."""
        entity = self.entities.get(name)
        return [] if entity is None else [f"{self.url}{entity.path}"]

    def home(self, context: ProjectContext) -> Home:
        """Return the home; connects to nothing."""
        from hygge.connectors.rest.home import RestHome

        return RestHome(self, context)


def check_url(text: str) -> str:
    """Return a URL of HTTP; raise `ValueError` for others, and for one with credentials."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL:  https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain credentials; put them into  auth: {basic: …}")
    if parts.query or parts.fragment:
        raise ValueError("must not contain ? or #; put parameters into  params: {…}")
    return text
