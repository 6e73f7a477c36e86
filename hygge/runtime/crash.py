"""The crash report: enough to find the bug, without data or secrets."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from hygge import __version__
from hygge.errors import ConfigError
from hygge.runtime.private import private_folder, write_private
from hygge.values.redact import redact


def write_report(trace: str, root: Path | None) -> Path | None:
    """Write a traceback to `.hygge/crash-<time>.txt`, or to the temporary folder without a project.

    The command's options are left out, because they may contain secrets. Returns None when neither
    folder can be written.
    """
    text = _text(trace)
    name = f"crash-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.txt"
    for folder in (_project_folder(root), Path(tempfile.gettempdir())):
        if folder is None:
            continue
        try:
            write_private(folder / name, text)
        except OSError:
            continue
        return folder / name
    return None


def trace_of(error: BaseException) -> str:
    """Return the traceback of an error, without the values of variables."""
    return "".join(
        traceback.TracebackException.from_exception(error, capture_locals=False).format()
    )


def _project_folder(root: Path | None) -> Path | None:
    if root is None:
        return None
    try:
        return private_folder(root)
    except (OSError, ConfigError):
        return None


def _text(trace: str) -> str:
    lines = [
        f"hygge {__version__}",
        f"python {platform.python_version()} on {platform.system()} {platform.release()}",
        f"command: hygge {_command(sys.argv[1:])}",
        "",
        redact(trace).rstrip(),
        "",
    ]
    return "\n".join(lines)


def _command(arguments: list[str]) -> str:
    words = [word for word in arguments if word.isalpha() and word.islower()]
    return words[0] if words else ""
