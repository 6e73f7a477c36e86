"""Check of a project together with new files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from hygge.errors import UsageError
from hygge.project.check import Shared, check_layers, layers_of
from hygge.project.diagnostics import Diagnostic
from hygge.project.files import ENDINGS, FOLDERS, Files, Found, read_files
from hygge.project.yaml_parser import parse
from hygge.scaffold.changes import Wanted

_SECOND_ONE = "HG204"
"""Code for a flow that omits its home or store while there are several."""


def check_together(project: Path, wanted: Sequence[Wanted]) -> list[str]:
    """Return the errors that these files would cause in other files.

    Raises `UsageError` when the project would have a new error.
    """
    files = read_files(project)
    _check_names(files, wanted)
    before = {_told(one) for one in _errors(project, files)}
    after = [one for one in _errors(project, _joined(files, wanted)) if _told(one) not in before]
    wrong = [one for one in after if one.code != _SECOND_ONE]
    if wrong:
        hints = [line for one in wrong for line in one.help]
        raise UsageError(
            "\n".join(dict.fromkeys(one.message for one in wrong)),
            hint=hints[0] if hints else None,
            code=wrong[0].code,
        )
    return [f"{one.where}: {one.message}" for one in after]


def _check_names(files: Files, wanted: Sequence[Wanted]) -> None:
    """Reject a second file of the same name, in another folder or with another extension."""
    for file in wanted:
        folder, name = _place(file)
        other = files.folders.get(folder, {}).get(name)
        if other is not None and other.file != file.path:
            raise UsageError(
                f"{FOLDERS[folder]} '{name}' already exists in {other.file}",
                hint="choose another name",
                code="HG207",
            )


def _place(file: Wanted) -> tuple[str, str]:
    path = PurePosixPath(file.path)
    return (path.parts[0], path.stem) if path.suffix in ENDINGS else ("", "")


def _joined(files: Files, wanted: Sequence[Wanted]) -> Files:
    folders = {folder: dict(found) for folder, found in files.folders.items()}
    for file in wanted:
        folder, name = _place(file)
        if folder in folders:
            folders[folder][name] = Found(name, file.path, parse(file.text, file.path))
    return replace(files, folders=folders)


def _errors(project: Path, files: Files) -> Iterator[Diagnostic]:
    shared = Shared(project)
    for overlay in (None, *sorted(files.folders["environments"])):
        layers, wrong = layers_of(files, overlay)
        found = [*wrong, *check_layers(layers, shared)[1]]
        yield from (one for one in found if one.is_error)


def _told(one: Diagnostic) -> tuple[str, str, str]:
    return one.code, one.where, one.message
