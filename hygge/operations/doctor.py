"""The checks of `hygge doctor`: the project's folder, its homes and its stores."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from hygge.errors import ConfigError, HyggeError, UsageError
from hygge.project import ConnectorOutline, Project, ProjectError
from hygge.project.diagnostics import did_you_mean
from hygge.runtime.locks import lock_file
from hygge.runtime.private import private_folder
from hygge.values.model import Finding

_CLOCK_SECONDS = 5.0
_LITTLE_SPACE = 10**8
_MB = 10**6


@dataclass(frozen=True, slots=True)
class Examined:
    """The findings on one home or store."""

    kind: str
    """`home` or `store`."""
    outline: ConnectorOutline
    findings: tuple[Finding, ...]


def examine_project(root: Path) -> Iterator[Finding]:
    """Yield findings on the project's folder and this machine's clock."""
    try:
        folder = private_folder(root)
        probe = folder / f".doctor.{token_hex(4)}"
        with lock_file(probe):
            now, written = time.time(), probe.stat().st_mtime
            probe.unlink()
        free = shutil.disk_usage(folder).free
    except ConfigError as error:
        yield Finding(error.message, "error", error.hint)
        return
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = f"hygge keeps locks and the history of runs there:  ls -ld {root / '.hygge'}"
        yield Finding(f"{root / '.hygge'} cannot be written: {reason}", "error", hint)
        return
    yield Finding("the folder .hygge can be written and locked")
    if free < _LITTLE_SPACE:
        yield Finding(f"{free // _MB} MB are free for .hygge", "warning", f"df -h {folder}")
    yield from _clock(root, now, written)


def _clock(root: Path, now: float, written: float) -> Iterator[Finding]:
    marker = (root / "hygge.yml").stat().st_mtime
    if abs(written - now) > _CLOCK_SECONDS:
        text = f"the clocks of this machine and of its disk differ by {abs(written - now):.0f} s"
        yield Finding(text, "warning", "set both by the same time server")
    elif marker > now + _CLOCK_SECONDS:
        text = "the clock of this machine is slow: hygge.yml was written in the future"
        yield Finding(text, "warning", "set it by a time server:  timedatectl")
    else:
        yield Finding("the clock agrees with that of the disk")


def examine(project: Project, names: Sequence[str], *, seconds: float) -> Iterator[Examined]:
    """Yield the findings on the named homes and stores, or on all without names.

    Those without a driver or a variable come first. All others are examined in parallel; one that
    does not respond in time is reported, and its thread is abandoned. Raises `UsageError` for an
    unknown name.
    """
    running = []
    for kind, outline in _chosen(project, names):
        try:
            look = _look_of(project, kind, outline.name)
        except ProjectError as error:
            yield Examined(kind, outline, tuple(_unready(error)))
            continue
        running.append(_Examination(kind, outline, look))
    latest = time.monotonic() + seconds
    for one in running:
        yield one.result(latest, seconds)


def _chosen(project: Project, names: Sequence[str]) -> list[tuple[str, ConnectorOutline]]:
    sides = (("home", project.homes), ("store", project.stores))
    everything = [(kind, one) for kind, outlines in sides for one in outlines.values()]
    known = sorted({one.name for _, one in everything})
    for name in names:
        if name not in known:
            raise UsageError(
                f"the project has no home and no store '{name}'{did_you_mean(name, known)}",
                hint=f"there are: {', '.join(known) or 'none yet'}   (hygge list)",
            )
    return [(kind, one) for kind, one in everything if not names or one.name in names]


def _look_of(project: Project, kind: str, name: str) -> Callable[[], Iterator[Finding]]:
    """Return the function that examines a home or store; raise `ProjectError` for what it lacks."""
    context = project.context
    if kind == "home":
        home = project.home(name)
        return lambda: home.home(context).examine()
    store = project.store(name)
    return lambda: store.store(context).examine()


def _unready(error: ProjectError) -> Iterator[Finding]:
    for one in error.diagnostics:
        yield Finding(f"{one.where}: {one.message}", "error", one.help[-1] if one.help else None)


class _Examination:
    """The examination of one home or store in its own thread."""

    def __init__(
        self, kind: str, outline: ConnectorOutline, look: Callable[[], Iterator[Finding]]
    ) -> None:
        self._kind = kind
        self._outline = outline
        self._look = look
        self._found: list[Finding] = []
        self._thread = threading.Thread(
            target=self._run, name=f"hygge-doctor-{outline.name}", daemon=True
        )
        self._thread.start()

    def result(self, latest: float, seconds: float) -> Examined:
        """Return the findings so far."""
        self._thread.join(max(latest - time.monotonic(), 0.0))
        is_late = self._thread.is_alive()
        found = list(self._found)
        if is_late:
            text = f"it did not answer within {seconds:g} s"
            hint = (
                "check that its server runs and can be reached from here; to wait longer:  "
                "--timeout"
            )
            found.append(Finding(text, "error", f"{hint} {2 * seconds:g}"))
        return Examined(self._kind, self._outline, tuple(found))

    def _run(self) -> None:
        try:
            self._found.extend(self._look())
        except HyggeError as error:
            self._found.append(Finding(error.message, "error", error.hint))
        except BaseException as error:
            # A driver's panic is no Exception; in a thread it would be lost.
            self._found.append(Finding(f"{type(error).__name__}: {error}", "error"))
