"""The files of a project, and its root."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hygge.errors import UsageError
from hygge.project import name_rules
from hygge.project.diagnostics import Diagnostic, diagnostic, near
from hygge.project.nodes import Span
from hygge.project.yaml_errors import MAX_DEPTH
from hygge.project.yaml_parser import MAX_BYTES, Parsed, decode

ROOT_FILE = "hygge.yml"
ENDINGS = frozenset({".yml", ".yaml"})
LOCK_ENDING = ".lock.yml"
"""Extension of lock files: `flows/users.lock.yml`, beside `flows/users.yml`."""
FOLDERS = {"homes": "home", "stores": "store", "flows": "flow", "environments": "environment"}
"""The folders of a project, each with the kind of its files."""


def find_root(start: Path) -> Path:
    """Return the nearest directory, from `start` upward, with a `hygge.yml`.

    Raises `UsageError` (HG201) when there is none.
    """
    here = start.resolve()
    root = root_above(here)
    if root is not None:
        return root
    raise UsageError(
        f"no project here: there is no {ROOT_FILE} in {here} or its parents",
        hint="hygge init NAME",
        code="HG201",
    )


def root_above(start: Path) -> Path | None:
    """Return the nearest directory, from `start` upward, with a `hygge.yml`.

    A `hygge.yml` that is no file counts too; it is reported when it is read.
    """
    return next((one for one in (start, *start.parents) if _is_root(one)), None)


def _is_root(folder: Path) -> bool:
    return any(os.path.lexists(folder / name) for name in (ROOT_FILE, "hygge.yaml"))


_LIKE_YAML = re.compile(r"\.(ya?mls?|yam|ym|ymal|yalm|json|jsonc|json5|toml)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """One file of a project."""

    name: str
    file: str
    """Posix, relative to the root."""
    parsed: Parsed

    @property
    def start(self) -> Span:
        """The first character of the file."""
        return Span(self.file, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class Files:
    """The parsed files of a project, by kind and name, and their diagnostics."""

    settings: Found | None
    folders: dict[str, dict[str, Found]]
    diagnostics: tuple[Diagnostic, ...]
    texts: dict[str, str]
    locks: dict[str, Found] = field(default_factory=dict)
    """The lock files of flows, by the flow's name."""


def read_files(root: Path) -> Files:
    """Read and parse every file of the project below `root`."""
    found: list[Diagnostic] = []
    texts: dict[str, str] = {}
    roots = [root / name for name in (ROOT_FILE, "hygge.yaml") if os.path.lexists(root / name)]
    settings = _one_each(root, roots, "project", found).get("hygge")
    paths = {folder: _yaml_files(root, root / folder, found) for folder in FOLDERS}
    written = {
        folder: [path for path in paths[folder] if folder != "flows" or not is_lock(path)]
        for folder in FOLDERS
    }
    folders = {
        folder: _one_each(root, written[folder], kind, found) for folder, kind in FOLDERS.items()
    }
    locks = _lock_files(root, paths["flows"])
    everything = [f for files in (*folders.values(), locks) for f in files.values()]
    for file in (*everything, *([settings] if settings else [])):
        texts[file.file] = file.parsed.text
        found += file.parsed.diagnostics
    found += _strays(root)
    return Files(settings, folders, tuple(found), texts, locks)


def is_lock(path: Path) -> bool:
    """Return whether a file in `flows/` is a lock file."""
    return path.name.endswith(LOCK_ENDING)


def _lock_files(root: Path, paths: list[Path]) -> dict[str, Found]:
    """Return the lock files among `paths`, by the flow's name; the first of duplicates."""
    found: dict[str, Found] = {}
    for path in filter(is_lock, paths):
        name, file = path.name.removesuffix(LOCK_ENDING), path.relative_to(root).as_posix()
        if name not in found:
            found[name] = Found(name, file, _read(path, file))
    return found


def _yaml_files(root: Path, folder: Path, found: list[Diagnostic]) -> list[Path]:
    """Return the YAML files below a folder, without hidden ones, sorted."""
    if len(folder.parts) - len(root.parts) > MAX_DEPTH:
        file = folder.relative_to(root).as_posix()
        message = f"folders are nested {MAX_DEPTH} levels deep here; deeper ones are not read"
        found.append(diagnostic("HG006", message, Span(file, 1, 1, 1), "move the files up"))
        return []
    try:
        entries = folder.iterdir() if folder.is_dir() else ()
        paths = sorted(path for path in entries if not path.name.startswith("."))
    except OSError as error:
        found.append(_unreadable(folder.relative_to(root).as_posix(), error.strerror))
        return []
    files: list[Path] = []
    for path in paths:
        if path.suffix in ENDINGS:
            files.append(path)
        elif path.is_symlink() and path.is_dir():
            file = path.relative_to(root).as_posix()
            message = f"the folder {file} is a link, and links to folders are not followed"
            found.append(diagnostic("HG216", message, Span(file, 1, 1, 1), f"ls -l {file}"))
        elif path.is_dir():
            files += _yaml_files(root, path, found)
        elif _LIKE_YAML.fullmatch(path.suffix):
            found.append(_unread(path.relative_to(root)))
    return sorted(files)


def _unread(path: Path) -> Diagnostic:
    file = path.as_posix()
    message = f"{file} is ignored: only files that end in .yml or .yaml are read"
    better = path.with_suffix(".yml").as_posix()
    is_yaml = path.suffix.lower().startswith(".y")
    hint = f"mv {file} {better}" if is_yaml else f"write it as YAML: {better}"
    return diagnostic("HG216", message, Span(file, 1, 1, 1), hint)


def _unreadable(file: str, reason: str | None) -> Diagnostic:
    message = f"cannot read {file}: {(reason or 'no reason given').lower()}"
    return diagnostic("HG002", message, Span(file, 1, 1, 1), f"ls -l {file}")


def _one_each(
    root: Path, paths: list[Path], kind: str, found: list[Diagnostic]
) -> dict[str, Found]:
    """Return the files by name; reports duplicate and invalid names."""
    files: dict[str, Found] = {}
    for path in paths:
        file, name = path.relative_to(root).as_posix(), path.stem
        start = Span(file, 1, 1, 1)
        if name in files:
            message = f"{kind} '{name}' is also defined in {files[name].file}"
            found.append(diagnostic("HG207", message, start, "rename or remove one of the two"))
            continue
        reason = name_rules.why_refused(name)
        if reason:
            better = Path(file).with_name(f"{name_rules.suggest(name)}.yml").as_posix()
            found.append(diagnostic("HG208", reason, start, f"rename the file: {better}"))
        files[name] = Found(name, file, _read(path, file))
    return files


def _read(path: Path, file: str) -> Parsed:
    try:
        if not path.is_file():
            return Parsed(None, (_unreadable(file, _not_a_file(path)),))
        with path.open("rb") as stream:
            return decode(stream.read(MAX_BYTES + 1), file)
    except OSError as error:
        return Parsed(None, (_unreadable(file, error.strerror),))


def _not_a_file(path: Path) -> str:
    if path.is_dir():
        return "it is a directory"
    if path.is_symlink() and not path.exists():
        return f"it is a link to {path.readlink()}, which does not exist"
    return "it is not a regular file"


def _strays(root: Path) -> Iterator[Diagnostic]:
    """Warn of folders and files with names similar to those that hygge reads."""
    try:
        paths = sorted(root.iterdir())
    except OSError as error:
        yield _unreadable(".", error.strerror)
        return
    for path in paths:
        if path.name in FOLDERS or path.name.startswith("."):
            continue
        if path.suffix in ENDINGS and path.stem in FOLDERS:
            message = f"{path.name} is ignored; each {FOLDERS[path.stem]} has a file of its own"
            span = Span(path.name, 1, 1, 1)
            yield diagnostic("HG216", message, span, f"{path.stem}/NAME.yml")
        meant = near(path.name, FOLDERS)
        if meant and path.is_dir() and _yaml_files(root, path, []):
            message = f"the folder {path.name}/ is ignored; did you mean {meant}/?"
            span = Span(path.name, 1, 1, 1)
            yield diagnostic("HG216", message, span, f"mv {path.name} {meant}")
