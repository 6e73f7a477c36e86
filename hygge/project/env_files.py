"""Check of env files: not ignored by git, or readable by other users."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from hygge.project import dotenv
from hygge.project.diagnostics import Diagnostic, diagnostic, is_sensitive
from hygge.project.gitignore import is_ignored, top_of_repository
from hygge.project.literal_secrets import holds_password
from hygge.project.nodes import Span

_EXAMPLES = re.compile(r"\.(example|sample|template|dist)$")


def check_env_files(root: Path) -> Iterator[Diagnostic]:
    """Yield diagnostics on the project's env files, without their values."""
    top = top_of_repository(root)
    for path in sorted(root.glob(".env*")):
        if not path.is_file() or _EXAMPLES.search(path.name):
            continue
        if path.name != ".env" and not path.name.startswith(".env."):
            continue
        start = Span(path.name, 1, 1, 1)
        values, found = dotenv.read(path, path.name)
        yield from found
        if top and not is_ignored(path, top):
            message = f"{path.name} is not ignored by git and could be committed"
            yield diagnostic("HG402", message, start, f"echo {path.name} >> .gitignore")
        if any(_is_secret(*pair) for pair in values.items()) and _is_open(path):
            message = f"every user of this machine can read the secrets in {path.name}"
            yield diagnostic("HG403", message, start, f"chmod 600 {path.name}")


def _is_secret(name: str, value: str) -> bool:
    return bool(value) and (is_sensitive(name) or holds_password(value))


def _is_open(path: Path) -> bool:
    """Return whether other users can read a file, given the modes of it and its parents."""
    if not path.stat().st_mode & stat.S_IROTH:
        return False
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)
