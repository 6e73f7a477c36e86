"""Parsing of `path` in YAML: a local path, or a URL of another file system."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from hygge import __version__

LOCAL = "file"
"""The scheme of URLs that mean a path on this machine."""
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):[/\\]")
_LOCAL = re.compile(r"\s*file:(?://(?P<host>[^/]*))?(?P<path>/.*)", re.DOTALL | re.IGNORECASE)
_REMOTE = (
    f"{{scheme}} is not a folder, and hygge {__version__} reads and writes {{there}} only: copy "
    "the data to a folder, or mount it as one, and use that path"
)


class RemotePathError(ValueError):
    """A path is a URL of an unsupported scheme, whatever its variables contain."""


def scheme_of(text: str) -> str | None:
    """Return the scheme of a URL in lower case; None for a path, and a drive of Windows."""
    scheme = _SCHEME.match(text)
    return None if scheme is None or len(scheme[1]) == 1 else scheme[1].lower()


def local_path(text: str, others: Sequence[str] = ()) -> str:
    """Return the path that `text` means; of a `file:///…` URL the path in it.

    Raises `RemotePathError` for any other scheme, known or not: a scheme is never a folder. The
    message names the `others` that could stand here.
    """
    there = " and ".join(["local files", *(f"{scheme}://" for scheme in others)])
    url = _LOCAL.fullmatch(text)
    if url is not None and (url["host"] or "").lower() in ("", "localhost"):
        return unquote(url["path"])
    scheme = _SCHEME.match(text)
    if url is not None:
        raise RemotePathError(
            f"it refers to the host '{url['host']}'; write a path on this machine as "
            "file:///folder or /folder"
        )
    if scheme is not None and len(scheme[1]) == 1:
        raise RemotePathError(
            f"'{scheme[1]}:' is a drive of Windows, which this system does not have"
        )
    if scheme is not None:
        raise RemotePathError(_REMOTE.format(scheme=f"{scheme[1].lower()}://", there=there))
    if "://" in text:  # after a variable, which may yet be `file`
        raise ValueError(_REMOTE.format(scheme="a URL", there=there))
    return text
