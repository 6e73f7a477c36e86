"""Credentials of requests: fixed ones, and tokens that are requested and renewed."""

from __future__ import annotations

import base64
import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from hygge.connectors.rest.config import Auth, OAuth2
from hygge.errors import HomeError
from hygge.values.redact import learn

_EARLY = 30.0
"""Seconds before its end at which a token is renewed."""

Post = Callable[[str, Mapping[str, str], Mapping[str, str]], Mapping[str, Any]]
"""Posts a form to a URL with headers, and returns the JSON object of the response."""


class Credentials:
    """What is added to each request."""

    def __init__(self, auth: Auth | None, post: Post) -> None:
        self._auth = auth
        self._tokens = Tokens(auth.oauth2, post) if auth and auth.oauth2 else None

    def headers(self) -> dict[str, str]:
        """Return headers with credentials; requests a token where there is none."""
        auth = self._auth
        if self._tokens is not None:
            return {"authorization": f"Bearer {self._tokens.current()}"}
        if auth is None:
            return {}
        if auth.bearer is not None:
            return {"authorization": f"Bearer {auth.bearer.get_secret_value()}"}
        if auth.basic is not None:
            return basic(auth.basic.user, auth.basic.password.get_secret_value())
        return {name: secret.get_secret_value() for name, secret in (auth.header or {}).items()}

    def params(self) -> dict[str, str]:
        """Return parameters with credentials."""
        query = (self._auth.query if self._auth else None) or {}
        return {name: secret.get_secret_value() for name, secret in query.items()}

    def renew(self) -> bool:
        """Discard the token; return whether another one can be requested."""
        if self._tokens is None:
            return False
        self._tokens.discard()
        return True


class Tokens:
    """The token of OAuth 2.0, renewed shortly before it ends."""

    def __init__(self, settings: OAuth2, post: Post) -> None:
        self._settings = settings
        self._post = post
        self._refresh = settings.refresh_token and settings.refresh_token.get_secret_value()
        self._token: str | None = None
        self._ends = 0.0
        self._lock = threading.Lock()

    def current(self) -> str:
        """Return a valid token."""
        with self._lock:
            if self._token is None or time.monotonic() >= self._ends:
                self._token = self._request()
            return self._token

    def discard(self) -> None:
        """Request another token the next time."""
        with self._lock:
            self._token = None

    def _request(self) -> str:
        settings, headers = self._settings, {}
        form = {"grant_type": "client_credentials"}
        if self._refresh:
            form = {"grant_type": "refresh_token", "refresh_token": self._refresh}
        secret = settings.client_secret and settings.client_secret.get_secret_value()
        if secret and settings.client_auth == "basic":
            headers = basic(settings.client_id, secret)
        else:
            form |= {"client_id": settings.client_id}
            form |= {"client_secret": secret} if secret else {}
        form |= {"scope": settings.scope} if settings.scope else {}
        answer = self._post(settings.token_url, form, headers)
        token = answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise HomeError(
                f"{settings.token_url} sent no access_token",
                hint="check `auth.oauth2` in the home's file",
                code="HG507",
            )
        learn(token)
        again = answer.get("refresh_token")
        if isinstance(again, str) and again:
            learn(again)
            self._refresh = again if self._refresh else None
        lasts = answer.get("expires_in")
        seconds = max(lasts - _EARLY, 1.0) if isinstance(lasts, int | float) else math.inf
        self._ends = time.monotonic() + seconds
        return token


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of basic authentication."""
    both = base64.b64encode(f"{user}:{password}".encode()).decode()
    learn(both)
    return {"authorization": f"Basic {both}"}
