"""Which files make a project, and where its root is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hygge.errors import UsageError
from hygge.project import names
from hygge.project.diagnostics import Diagnostic, diagnostic, near
from hygge.project.parse import MAX_BYTES, Parsed, decode
from hygge.project.tree import Span

ROOT_FILE = "hygge.yml"
ENDINGS = frozenset({".yml", ".yaml"})
FOLDERS = {"homes": "home", "stores": "store", "flows": "flow", "environments": "environment"}
"""The folders of a project, each with what one of its files is."""


def find_root(start: Path) -> Path:
    """Return the nearest directory, from `start` upward, that holds a `hygge.yml`.

    Raises `UsageError` (HG201) when there is none.
    """
    here = start.resolve()
    if not here.is_dir():
        here = here.parent
    for folder in (here, *here.parents):
        if any((folder / name).is_file() for name in (ROOT_FILE, "hygge.yaml")):
            return folder
    raise UsageError(
        f"no project here: neither {here} nor a directory above it holds a {ROOT_FILE}",
        hint="hygge init NAME",
        code="HG201",
    )


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
    """The parsed files of a project, by kind and name, and what was wrong with them."""

    settings: Found | None
    folders: dict[str, dict[str, Found]]
    diagnostics: tuple[Diagnostic, ...]
    texts: dict[str, str]


def read_files(root: Path) -> Files:
    """Read and parse every file of the project below `root`, each on its own."""
    found: list[Diagnostic] = []
    texts: dict[str, str] = {}
    roots = [root / name for name in (ROOT_FILE, "hygge.yaml") if (root / name).exists()]
    settings = _one_each(root, roots[:2], "project", found).get("hygge")
    folders = {
        folder: _one_each(root, sorted(_yaml_files(root / folder)), kind, found)
        for folder, kind in FOLDERS.items()
    }
    everything = [f for files in folders.values() for f in files.values()]
    for file in (*everything, *([settings] if settings else [])):
        texts[file.file] = file.parsed.text
        found += file.parsed.diagnostics
    found += _strays(root)
    return Files(settings, folders, tuple(found), texts)


def _yaml_files(folder: Path) -> Iterator[Path]:
    """Yield the YAML files below a folder, without hidden ones."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.suffix in ENDINGS:
            yield path
        elif path.is_dir() and not path.is_symlink():
            yield from _yaml_files(path)


def _one_each(
    root: Path, paths: list[Path], kind: str, found: list[Diagnostic]
) -> dict[str, Found]:
    """Return the files by name; a second file of one name, and a bad name, are told."""
    files: dict[str, Found] = {}
    for path in paths:
        file, name = path.relative_to(root).as_posix(), path.stem
        start = Span(file, 1, 1, 1)
        if name in files:
            message = f"{kind} '{name}' is also written in {files[name].file}"
            found.append(diagnostic("HG207", message, start, "rename or remove one of the two"))
            continue
        reason = names.why_refused(name)
        if reason:
            better = Path(file).with_name(f"{names.suggest(name)}.yml").as_posix()
            found.append(diagnostic("HG208", reason, start, f"rename the file: {better}"))
        files[name] = Found(name, file, _read(path, file))
    return files


def _read(path: Path, file: str) -> Parsed:
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "it is a directory")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
            size = path.stat().st_size if len(data) > MAX_BYTES else len(data)
    except OSError as error:
        reason = f"it is a link to {path.readlink()}, which is not there"
        if not path.is_symlink() or path.exists():
            reason = (error.strerror or str(error)).lower()
        message = f"cannot read {file}: {reason}"
        return Parsed(None, (diagnostic("HG002", message, Span(file, 1, 1, 1), f"ls -l {file}"),))
    if size > MAX_BYTES:
        message = f"the file has {size:,} bytes; the limit is {MAX_BYTES:,}"
        return Parsed(None, (diagnostic("HG006", message, Span(file, 1, 1, 1), "split it"),))
    return decode(data, file)


def _strays(root: Path) -> Iterator[Diagnostic]:
    """Warn of folders and files whose names are nearly those that hygge reads."""
    for path in sorted(root.iterdir()):
        if path.name in FOLDERS or path.name.startswith("."):
            continue
        meant = near(path.name, FOLDERS)
        if meant and path.is_dir() and next(_yaml_files(path), None):
            message = f"nothing reads the folder {path.name}/; did you mean {meant}/?"
            span = Span(path.name, 1, 1, 1)
            yield diagnostic("HG216", message, span, f"mv {path.name} {meant}")
