"""Errors of object stores as `OSError`, each with its reason and the next step."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from typing import NamedTuple

from hygge.runtime.system import PlaceError

_CODE = re.compile(r"<Code>(\w+)</Code>")
_MESSAGE = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)
_REGION = re.compile(r"<Region>([\w-]+)</Region>")
_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_REDIRECTS = {"301", "307"}
_CLOCK = "timedatectl  shows the clock and whether it is synchronized"
_RIGHTS = {
    "list": "s3:ListBucket on the bucket",
    "read": "s3:GetObject on the objects",
    "write": "s3:PutObject on the objects",
    "delete": "s3:DeleteObject on the objects",
}


class DeniedError(PlaceError, PermissionError):
    """The server refuses the request."""


class MissingError(PlaceError, FileNotFoundError):
    """The bucket does not exist."""


class _Fault(NamedTuple):
    kind: type[PlaceError]
    number: int
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Situation:
    """What a request was for."""

    doing: str
    """`list`, `read`, `write` or `delete`."""
    bucket: str
    endpoint: str
    source: str
    """Where the credentials come from."""
    shown: str
    """The URL of the object or prefix."""


def os_error(error: BaseException, situation: Situation) -> OSError:
    """Return the `OSError` for an error of the driver; see `FileSystem`."""
    text = str(error).partition("\n\nDebug source")[0]
    name = type(error).__name__
    if name == "AlreadyExistsError":
        return FileExistsError(errno.EEXIST, "the object already exists", situation.shown)
    if name == "PreconditionError":
        return PlaceError(errno.ESTALE, "the object changed", situation.shown)
    if isinstance(error, FileNotFoundError) and "NoSuchBucket" not in text:
        return FileNotFoundError(errno.ENOENT, "no such object", situation.shown)
    fault = _fault(text, situation)
    found = fault.kind(fault.number, fault.reason, situation.shown)
    found.hint = fault.hint
    return found


def _fault(text: str, at: Situation) -> _Fault:
    match, status = _CODE.search(text), _STATUS.search(text)
    code = match[1] if match else ""
    number = status[1] if status else ""
    found = _by_code(code, number, text, at)
    if found is not None:
        return found
    if number:
        return _by_status(code, number, text, at)
    return _by_network(text, at)


def _by_code(code: str, number: str, text: str, at: Situation) -> _Fault | None:
    keys = f"check the credentials ({at.source}):  hygge doctor"
    if code == "NoSuchBucket" or (code == "ContainerNotFound"):
        return _Fault(
            MissingError,
            errno.ENOENT,
            f"bucket '{at.bucket}' does not exist at {at.endpoint}",
            "check the bucket in `path`, and endpoint and region of the connection",
        )
    if code in ("InvalidAccessKeyId", "InvalidClientTokenId"):
        return _Fault(DeniedError, errno.EACCES, "the server does not know the access key id", keys)
    if code == "SignatureDoesNotMatch":
        reason = "the secret access key does not belong to the access key id"
        return _Fault(DeniedError, errno.EACCES, reason, keys)
    if code in ("ExpiredToken", "TokenRefreshRequired", "InvalidToken"):
        state = "is invalid" if code == "InvalidToken" else "has expired"
        hint = f"renew the credentials ({at.source}), then run again"
        return _Fault(DeniedError, errno.EACCES, f"the session token {state}", hint)
    if code == "RequestTimeTooSkewed":
        reason = "the clock of this machine differs too much from that of the server"
        return _Fault(DeniedError, errno.EACCES, reason, _CLOCK)
    if code in ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint"):
        return _wrong_region(text, at)
    return None


def _wrong_region(text: str, at: Situation) -> _Fault:
    region = _REGION.search(text)
    where = region[1] if region else "REGION"
    reason = f"bucket '{at.bucket}' is in another region"
    return _Fault(PlaceError, errno.EINVAL, reason, f"set in the connection:  region: {where}")


def _by_status(code: str, number: str, text: str, at: Situation) -> _Fault:
    if number in _REDIRECTS:
        return _wrong_region(text, at)
    if number in ("401", "403"):
        hint = f"grant {_RIGHTS[at.doing]}, or use other credentials ({at.source})"
        return _Fault(DeniedError, errno.EACCES, f"permission denied to {at.doing}", hint)
    message = _MESSAGE.search(text)
    about = message[1] if message else code
    reason = f"the server answered {number}" + (f": {about}" if about else "")
    if number in ("429", "500", "502", "503", "504"):
        return _Fault(PlaceError, errno.EAGAIN, reason, "run again in a while")
    return _Fault(PlaceError, errno.EIO, reason, "check the connection:  hygge doctor")


def _by_network(text: str, at: Situation) -> _Fault:
    if "169.254.169.254" in text or "metadata" in text.lower():
        return _Fault(
            DeniedError,
            errno.EACCES,
            "no credentials were found",
            "set access_key_id and secret_access_key of the connection, or the variables "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for a public bucket  anonymous: true",
        )
    if "certificate" in text.lower():
        return _Fault(
            PlaceError,
            errno.EIO,
            f"the certificate of {at.endpoint} is not trusted",
            "set ca_file of the connection to the authority's certificate",
        )
    hint = f"check the network and the endpoint:  curl -sS -o /dev/null {at.endpoint}"
    return _Fault(PlaceError, errno.ETIMEDOUT, f"no answer from {at.endpoint}", hint)
