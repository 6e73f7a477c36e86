"""Connections to Redis, and its errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import redis
from redis.exceptions import AuthorizationError, NoPermissionError, TryAgainError

from hygge.connectors.redis.config import RedisSettings
from hygge.errors import HomeError, StoreError


@contextmanager
def connected(
    config: RedisSettings, what: str, kind: type[HomeError | StoreError]
) -> Iterator[redis.Redis]:
    """Yield a client; errors of Redis inside the `with` become `kind`, with `what` failed."""
    client = redis.Redis.from_url(
        config.url.get_secret_value(),
        socket_connect_timeout=config.connect_timeout,
        socket_timeout=config.read_timeout,
        **({} if config.password is None else {"password": config.password.get_secret_value()}),
    )
    with closing(client):
        try:
            yield client
        except redis.RedisError as error:
            raise kind(f"{what} ({config.shown()}): {error}", hint=_hint(error)) from error


def is_passing(error: BaseException) -> bool:
    """Return whether a retry may help: a lost connection, or a server that starts or fails over."""
    if isinstance(error, redis.AuthenticationError | AuthorizationError):
        return False
    return isinstance(
        error, redis.ConnectionError | redis.TimeoutError | redis.ReadOnlyError | TryAgainError
    )


def _hint(error: redis.RedisError) -> str:
    text = str(error)
    if isinstance(error, redis.AuthenticationError) or "NOAUTH" in text or "WRONGPASS" in text:
        return "check user and password:  hygge doctor HOME"
    if isinstance(error, NoPermissionError):
        return "grant the command to the user with  ACL SETUSER"
    if is_passing(error):
        return "check that the server runs and that `url` is right:  hygge doctor HOME"
    return "check the server's log"
