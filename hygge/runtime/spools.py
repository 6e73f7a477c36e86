"""Folders below `.hygge/spool/` that live as long as their process, and never longer."""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hygge.runtime.private import private_folder
from hygge.values.log_context import fields

log = logging.getLogger(__name__)

_TURN = ".lock"
_LOCK = ".lock"


@contextmanager
def spool_folder(root: Path) -> Iterator[Path]:
    """Yield an empty folder `.hygge/spool/<run>-<token>/` of mode 0700; it is removed afterwards.

    First removes those of processes that died. Raises `OSError` when it cannot be made, and
    `ConfigError` where a link leads elsewhere; see `private_folder`.
    """
    above = private_folder(root, "spool")
    name = f"{fields().get('run', 'look')}-{secrets.token_hex(4)}"
    with _turn(above):
        _sweep(above)
        lock = _locked(above / f"{name}{_LOCK}")
        folder = above / name
        folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        _remove(folder)
        os.close(lock)


def sweep_spools(root: Path) -> None:
    """Remove the folders of processes that died; their rows are nobody's any more."""
    above = root / ".hygge" / "spool"
    if above.is_dir() and not above.is_symlink():
        with _turn(above):
            _sweep(above)


@contextmanager
def _turn(above: Path) -> Iterator[None]:
    """Keep others from looking at folders that are being made."""
    descriptor = _opened(above / _TURN)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _locked(path: Path) -> int:
    descriptor = _opened(path)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _sweep(above: Path) -> None:
    """Remove each folder whose lock nobody holds: the system lets go of it when a process dies."""
    for folder in above.iterdir():
        if folder.name.endswith(_LOCK) or folder.is_symlink() or not folder.is_dir():
            continue
        descriptor = _opened(folder.with_name(f"{folder.name}{_LOCK}"))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            log.info("removing %s, which a run left that died", folder)
            _remove(folder)
        finally:
            os.close(descriptor)


def _remove(folder: Path) -> None:
    """Remove a folder, then its lock: without a lock a folder counts as left behind."""
    try:
        shutil.rmtree(folder)
    except OSError as error:
        log.warning("cannot remove %s, the next run tries again: %s", folder, error)
        return
    with suppress(OSError):
        folder.with_name(f"{folder.name}{_LOCK}").unlink()
