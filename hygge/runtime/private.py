"""Files in `.hygge/` that only their owner may read, whatever the umask."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from hygge.errors import ConfigError


def private_folder(root: Path, *names: str) -> Path:
    """Return `<root>/.hygge/<names…>`, created with mode 0700 if needed.

    Raises `OSError` when it cannot be created, and `ConfigError` where `.hygge`, a name directly in
    it or one of `names` is a link, which would lead writes elsewhere.
    """
    folder = root / ".hygge"
    _make(folder)
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                raise _is_link(Path(entry.path))
    for name in names:
        folder /= name
        _make(folder)
    return folder


def _make(folder: Path) -> None:
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise _is_link(folder)
    if status.st_mode & 0o077 and status.st_uid == os.geteuid():
        folder.chmod(0o700)


def _is_link(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} is a symbolic link; hygge keeps locks, reports and quarantined rows there, and "
        "would write them to its target",
        hint=f"remove the link and run again; hygge creates what it needs:  rm {path}",
        code="HG530",
    )


def private_file(path: Path) -> None:
    """Create `path` if needed and make it readable by its owner only; never follows a link."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def write_private(path: Path, text: str) -> None:
    """Replace `path` atomically by `text`, with mode 0600."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
