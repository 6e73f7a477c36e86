"""Finding projects below a directory, and reports relative to another directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hygge.errors import UsageError
from hygge.project.diagnostics import Diagnostic, Report
from hygge.project.files import ROOT_FILE, root_above

_MAX_DEPTH = 100
"""Maximum depth of folders that is searched."""
_OTHERS = frozenset({"node_modules", "__pycache__", "site-packages"})


def find_projects(start: Path) -> list[Path]:
    """Return the project that `start` lies in and every one below it, sorted.

    Skips hidden folders, virtual environments and links. Raises `UsageError` (HG201) when there is
    none.
    """
    here = start.resolve()
    above = root_above(here)
    found = sorted({*([above] if above else []), *_below(here)})
    if not found:
        raise UsageError(
            f"no project here: there is no {ROOT_FILE} in {here}, its parents or its "
            "subdirectories",
            hint="hygge init NAME",
            code="HG201",
        )
    return found


def _below(start: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(start):
        is_far = folder.count(os.sep) - str(start).count(os.sep) > _MAX_DEPTH
        if "pyvenv.cfg" in files or is_far:
            names.clear()
            continue
        names[:] = [name for name in names if not name.startswith(".") and name not in _OTHERS]
        if ROOT_FILE in files or "hygge.yaml" in files:
            yield Path(folder)


def seen_from(report: Report, root: Path, here: Path) -> Report:
    """Return the report of the project in `root` with file names relative to `here`.

    Relative where one contains the other, else absolute.
    """
    prefix = _way(root.resolve(), here.resolve())
    if prefix == ".":
        return report
    return replace(report, diagnostics=tuple(_moved(one, prefix) for one in report.diagnostics))


def _way(root: Path, here: Path) -> str:
    is_near = root == here or here in root.parents or root in here.parents
    return Path(os.path.relpath(root, here)).as_posix() if is_near else root.as_posix()


def _moved(one: Diagnostic, prefix: str) -> Diagnostic:
    if one.file.startswith("/"):
        return one
    return replace(one, span=one.span._replace(file=f"{prefix}/{one.file}"))


def repository_of(here: Path) -> Path:
    """Return the root of the checkout that contains `here`, else `here`."""
    here = here.resolve()
    given = os.environ.get("GITHUB_WORKSPACE")
    workspace = Path(given).resolve() if given else None
    if workspace and workspace in (here, *here.parents):
        return workspace
    return next((one for one in (here, *here.parents) if (one / ".git").exists()), here)
