"""Folders below `.hygge/spool/` that are removed when their process ends."""

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

    Removes the folders of dead processes first. Raises `OSError` when it cannot be created, and
    `ConfigError` for a link; see `private_folder`.
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
    """Remove the folders of dead processes."""
    above = root / ".hygge" / "spool"
    if above.is_dir() and not above.is_symlink():
        with _turn(above):
            _sweep(above)


@contextmanager
def _turn(above: Path) -> Iterator[None]:
    """Lock out other processes while folders are created or removed."""
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
    """Remove each folder whose lock is free; the system releases it when a process dies."""
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
    """Remove a folder, then its lock: a folder without a lock counts as abandoned."""
    try:
        shutil.rmtree(folder)
    except OSError as error:
        log.warning("cannot remove %s, the next run tries again: %s", folder, error)
        return
    with suppress(OSError):
        folder.with_name(f"{folder.name}{_LOCK}").unlink()
