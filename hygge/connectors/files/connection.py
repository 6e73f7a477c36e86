"""Settings of the server of an object store, shared by homes and stores of files."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Connection(BaseModel):
    """Endpoint and credentials of an object store."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    endpoint: Annotated[str, Field(min_length=1)] | None = None
    """URL of the server, such as `https://s3.example.org`; by default that of the cloud."""
    region: Annotated[str, Field(min_length=1)] | None = None
    """Region of the bucket. Default: `AWS_REGION`, the region of the profile, or us-east-1."""
    access_key_id: Annotated[str, Field(min_length=1)] | None = None
    """Id of the access key. Without it hygge uses the standard variables of the cloud."""
    secret_access_key: SecretStr | None = None
    """Secret of the access key, such as `${S3_SECRET}`."""
    session_token: SecretStr | None = None
    """Token of temporary credentials."""
    profile: Annotated[str, Field(min_length=1)] | None = None
    """Profile of the files `~/.aws/credentials` and `~/.aws/config`."""
    anonymous: bool = False
    """Send requests without credentials, for public buckets."""
    path_style: bool = True
    """Write the bucket in the path of the URL; false writes it in the host name."""
    allow_http: bool = False
    """Allow an endpoint with `http://` that is not on this machine: traffic can be intercepted."""
    ca_file: Annotated[str, Field(min_length=1)] | None = None
    """File of the trusted certificate authorities in PEM format; by default those of the system."""

    @field_validator("endpoint")
    @classmethod
    def _is_url(cls, endpoint: str | None) -> str | None:
        if endpoint is not None:
            url = urlsplit(endpoint)
            if url.scheme not in ("http", "https") or not url.hostname:
                raise ValueError("write it as https://host or https://host:port")
            if url.username or url.password:
                raise ValueError("write user and password as access_key_id and secret_access_key")
        return endpoint

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key are set together")
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("session_token needs access_key_id and secret_access_key")
        ways = {
            "access_key_id": self.access_key_id is not None,
            "profile": self.profile is not None,
            "anonymous": self.anonymous,
        }
        chosen = [name for name, is_set in ways.items() if is_set]
        if len(chosen) > 1:
            raise ValueError(f"set only one of {' and '.join(chosen)}")
        if self.endpoint is not None:
            check_endpoint(self.endpoint, allow_http=self.allow_http)
        return self


def check_endpoint(endpoint: str, *, allow_http: bool) -> None:
    """Raise `ValueError` for an endpoint without TLS on another machine."""
    url = urlsplit(endpoint)
    if url.scheme == "http" and url.hostname not in _LOOPBACK and not allow_http:
        raise ValueError(
            f"endpoint {endpoint} is not encrypted, so traffic can be intercepted: use https://, "
            "or set  allow_http: true"
        )
