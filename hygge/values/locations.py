"""What a `path` in YAML means: always a place on a local file system, never a URL."""

from __future__ import annotations

import re
from urllib.parse import unquote

from hygge import __version__

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):[/\\]")
_LOCAL = re.compile(r"\s*file:(?://(?P<host>[^/]*))?(?P<path>/.*)", re.DOTALL | re.IGNORECASE)
_REMOTE = (
    f"{{scheme}} is not a folder, and hygge {__version__} reads and writes local files only: "
    "copy the data to a folder, or mount it as one, and write that folder"
)


class RemotePathError(ValueError):
    """A path names a system that hygge does not reach, whatever its variables stand for."""


def local_path(text: str) -> str:
    """Return the path that `text` means; of a `file:///…` URL the path in it.

    Raises `RemotePathError` for any other scheme, known or not: a scheme is never a folder.
    """
    url = _LOCAL.fullmatch(text)
    if url is not None and (url["host"] or "").lower() in ("", "localhost"):
        return unquote(url["path"])
    scheme = _SCHEME.match(text)
    if url is not None:
        raise RemotePathError(
            f"it names the machine '{url['host']}'; a path on this machine is file:///folder "
            "or /folder"
        )
    if scheme is not None and len(scheme[1]) == 1:
        raise RemotePathError(
            f"'{scheme[1]}:' is a drive of Windows, which this system does not have"
        )
    if scheme is not None:
        raise RemotePathError(_REMOTE.format(scheme=f"{scheme[1].lower()}://"))
    if "://" in text:  # after a variable, which may yet be `file`
        raise ValueError(_REMOTE.format(scheme="a URL"))
    return text
