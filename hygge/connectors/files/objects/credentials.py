"""Credentials and endpoint of S3: from the connection, the standard variables, or a profile."""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hygge.connectors.files.connection import Connection, check_endpoint
from hygge.errors import ConfigError
from hygge.values.redact import learn

_CONTAINER = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
_OTHER_WAYS = ("role_arn", "sso_session", "sso_start_url", "credential_process")


@dataclass(frozen=True, slots=True)
class Keys:
    """An access key."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Access:
    """How requests to S3 are addressed and signed."""

    source: str
    """Where the credentials come from, for messages; never a secret."""
    keys: Keys | None
    """None where the driver gets them itself, or sends requests without."""
    region: str
    endpoint: str | None
    """None for that of the cloud."""


def access_of(connection: Connection, env: Mapping[str, str] = os.environ) -> Access:
    """Return how to reach S3. Touches no network.

    Raises `ConfigError` for a profile that does not exist or has no keys.
    """
    source, keys, section = _keys(connection, env)
    if keys is not None:
        for secret in (keys.secret_access_key, keys.token):
            learn(secret or "")
    region = connection.region or env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION")
    endpoint = connection.endpoint or env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL")
    endpoint = endpoint or section.get("endpoint_url")
    if endpoint is not None:
        try:
            check_endpoint(endpoint, allow_http=connection.allow_http)
        except ValueError as error:
            raise ConfigError(str(error)) from error
    return Access(source, keys, region or section.get("region") or "us-east-1", endpoint)


def authorities(connection: Connection) -> bytes | None:
    """Return the trusted certificate authorities; None for those of the system."""
    if connection.ca_file is None:
        return None
    path = Path(connection.ca_file).expanduser()
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot read ca_file {path}: {error.strerror}", hint="correct the path"
        ) from error


def _keys(
    connection: Connection, env: Mapping[str, str]
) -> tuple[str, Keys | None, Mapping[str, str]]:
    """Return the source of the credentials, the keys, and the settings of the profile."""
    if connection.anonymous:
        return "none (anonymous)", None, {}
    if connection.access_key_id and connection.secret_access_key:
        token = connection.session_token
        keys = Keys(
            connection.access_key_id,
            connection.secret_access_key.get_secret_value(),
            token.get_secret_value() if token else None,
        )
        return "access_key_id of the connection", keys, {}
    if connection.profile is not None:
        return _of_profile(connection.profile, "profile of the connection", env)
    key, secret = env.get("AWS_ACCESS_KEY_ID"), env.get("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        keys = Keys(key, secret, env.get("AWS_SESSION_TOKEN") or None)
        return "variable AWS_ACCESS_KEY_ID", keys, {}
    if env.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        return "variable AWS_WEB_IDENTITY_TOKEN_FILE", None, {}
    for name in _CONTAINER:
        if env.get(name):
            return f"variable {name}", None, {}
    if env.get("AWS_PROFILE"):
        return _of_profile(env["AWS_PROFILE"], "variable AWS_PROFILE", env)
    section = _section("default", env)
    if "aws_access_key_id" in section:
        return _of_profile("default", "file ~/.aws/credentials", env)
    return "metadata of the instance", None, section


def _of_profile(
    name: str, source: str, env: Mapping[str, str]
) -> tuple[str, Keys, Mapping[str, str]]:
    section = _section(name, env)
    if not section:
        files = " and ".join(map(str, _files(env)))
        raise ConfigError(
            f"profile '{name}' ({source}) is in neither of {files}",
            hint="to list the profiles:  aws configure list-profiles",
        )
    key, secret = section.get("aws_access_key_id"), section.get("aws_secret_access_key")
    if key and secret:
        return f"profile '{name}' ({source})", Keys(key, secret, _token(section)), section
    other = next((way for way in _OTHER_WAYS if way in section), None)
    why = f"uses {other}, which hygge does not support" if other else "has no access key"
    raise ConfigError(
        f"profile '{name}' ({source}) {why}",
        hint=f"aws configure export-credentials --profile {name} --format env  prints variables "
        "that hygge reads",
    )


def _token(section: Mapping[str, str]) -> str | None:
    return section.get("aws_session_token") or None


def _files(env: Mapping[str, str]) -> tuple[Path, Path]:
    return (
        Path(env.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials").expanduser(),
        Path(env.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser(),
    )


def _section(name: str, env: Mapping[str, str]) -> Mapping[str, str]:
    """Return the settings of a profile in both files; keys of the credentials file win."""
    credentials, config = _files(env)
    in_config = name if name == "default" else f"profile {name}"
    return {**_read(config, in_config), **_read(credentials, name)}


def _read(path: Path, section: str) -> Mapping[str, str]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (OSError, UnicodeError, configparser.Error) as error:
        raise ConfigError(
            f"cannot read {path}: {type(error).__name__}", hint="correct the file"
        ) from None
    return dict(parser.items(section)) if parser.has_section(section) else {}
