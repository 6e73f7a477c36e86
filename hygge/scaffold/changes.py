"""Changes of files: compared with the existing ones, then written all or not at all.

Two phases: `compare` changes nothing, `apply` writes each file under a temporary name and renames
it.
"""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Literal

from hygge.errors import HyggeError, UsageError


class Status(StrEnum):
    """The outcome for a file."""

    CREATE = "create"
    IDENTICAL = "identical"
    CONFLICT = "conflict"
    OVERWRITE = "overwrite"
    SKIP = "skip"
    APPEND = "append"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The wanted content of a file."""

    path: str
    """Path relative to the root, with `/` separators."""
    text: str
    adds: bool = False
    """Whether `text` is added to the file instead of replacing it."""
    is_generated: bool = False
    """Whether the file is generated, and so overwritten without asking."""


@dataclass(frozen=True, slots=True)
class Change:
    """A file with its old and new content."""

    path: str
    status: Status
    before: str | None = None
    after: str | None = None

    def diff(self) -> str:
        """Return the change as a unified diff."""
        lines = difflib.unified_diff(
            (self.before or "").splitlines(keepends=True),
            (self.after or "").splitlines(keepends=True),
            f"{self.path} (there now)",
            f"{self.path} (new)",
        )
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


Choice = Literal["overwrite", "skip"]


def compare(root: Path, wanted: Iterable[Wanted]) -> list[Change]:
    """Return the changes of writing `wanted` under `root`; writes nothing.

    Raises `UsageError` for a path outside of `root`, a link or a directory.
    """
    return [_compare_one(root, one) for one in wanted]


def removal(root: Path, path: str) -> Change:
    """Return the change that removes a file."""
    return Change(path, Status.REMOVE, before=_read(root, path))


def _compare_one(root: Path, wanted: Wanted) -> Change:
    before = _read(root, wanted.path)
    after = _with_lines(before or "", wanted.text) if wanted.adds else wanted.text
    if before is None:
        status = Status.CREATE
    elif before == after:
        status = Status.IDENTICAL
    else:
        status = _meeting(wanted)
    return Change(wanted.path, status, before, after)


def _meeting(wanted: Wanted) -> Status:
    """Return the status of an existing file that differs."""
    if wanted.is_generated:
        return Status.OVERWRITE
    return Status.APPEND if wanted.adds else Status.CONFLICT


def _with_lines(before: str, lines: str) -> str:
    """Add the lines of variables that the file does not contain, even in comments."""
    named = {line.lstrip("# ").partition("=")[0].strip() for line in before.splitlines()}
    new = [line for line in lines.splitlines() if line.partition("=")[0].strip() not in named]
    joint = "" if not before or before.endswith("\n") else "\n"
    return before + joint + "".join(f"{line}\n" for line in new)


def _read(root: Path, path: str) -> str | None:
    with _told("read", path):
        file = _inside(root, path)
        if not file.exists():
            return None
        if not file.is_file():
            what = "a directory, not a file" if file.is_dir() else "not a regular file"
            raise UsageError(f"{path} is {what}", hint="choose another name")
        with file.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return stream.read()


@contextmanager
def _told(verb: str, path: str) -> Iterator[None]:
    """Convert errors of the operating system to `HyggeError`."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        folder = PurePosixPath(path).parent.as_posix()
        message = f"cannot {verb} {path}: {reason}"
        raise HyggeError(message, hint=f"ls -la {folder}", code="HG605") from error


def _inside(root: Path, path: str) -> Path:
    parts = PurePosixPath(path).parts
    file = root.joinpath(*parts)
    leads_out = ".." in parts or not file.parent.resolve().is_relative_to(root.resolve())
    if leads_out or file.is_symlink():
        raise UsageError(
            f"{path} is a link or outside of {root}; hygge does not write through it",
            hint="replace the link by the file or directory itself",
        )
    return file


def settle(
    changes: Sequence[Change],
    always: Choice | None,
    ask: Callable[[Change], Choice | None] | None,
) -> list[Change]:
    """Return the changes with conflicts resolved: by `always`, or by asking about each.

    Raises `HyggeError` when a conflict has no answer; nothing may be written then.
    """
    return [_settled(c, always, ask) if c.status is Status.CONFLICT else c for c in changes]


def _settled(
    change: Change, always: Choice | None, ask: Callable[[Change], Choice | None] | None
) -> Change:
    choice = always or (ask(change) if ask else None)
    if choice is None:
        raise HyggeError(
            f"{change.path} exists and differs; nothing was written",
            hint="--force overwrites it, --skip keeps it, --dry-run shows the difference",
            code="HG602",
        )
    return replace(change, status=Status(choice))


_WRITTEN = frozenset({Status.CREATE, Status.OVERWRITE, Status.APPEND})


def apply(root: Path, changes: Sequence[Change]) -> None:
    """Make the changes: every new file is complete on disk before the first rename."""
    ready: list[tuple[str, str]] = []
    try:
        for change in changes:
            if change.status in _WRITTEN and change.after is not None:
                ready.append(_prepared(root, change.path, change.after))
        for temporary, path in ready:
            with _told("write", path):
                os.replace(temporary, _inside(root, path))  # noqa: PTH105
    finally:
        for temporary, _ in ready:
            with suppress(OSError):
                Path(temporary).unlink()
    for change in changes:
        if change.status is Status.REMOVE:
            with _told("remove", change.path):
                _inside(root, change.path).unlink()


def _prepared(root: Path, path: str, text: str) -> tuple[str, str]:
    """Write the text to a temporary file beside its path; return both paths."""
    with _told("write", path):
        target = _inside(root, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        return _write_beside(target, text), path


def _write_beside(target: Path, text: str) -> str:
    number, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    with os.fdopen(number, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        stream.write(text)
        os.fchmod(stream.fileno(), _mode_of(target))
    return temporary


def _mode_of(target: Path) -> int:
    if target.exists():
        return target.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
