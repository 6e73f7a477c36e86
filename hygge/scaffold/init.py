"""The files of a new project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hygge.scaffold.changes import Wanted
from hygge.scaffold.editor_schemas import schema_files, with_schema
from hygge.scaffold.name_check import check_name, lawful_name
from hygge.scaffold.templates import SUFFIX, built_in_root, render

_ALWAYS = {
    "hygge.yml": "hygge.yml.j2",
    "environments/prod.yml": "environments/prod.yml.j2",
    ".env.example": "env.example.j2",
    ".gitignore": "gitignore.j2",
    "README.md": "README.md.j2",
}
_SAMPLE = {
    "homes/sample_files.yml": "homes/sample_files.yml.j2",
    "stores/lake.yml": "stores/lake.yml.j2",
    "flows/users.yml": "flows/users.yml.j2",
    "flows/orders.yml": "flows/orders.yml.j2",
    "data/sample/users.csv": "data/sample/users.csv",
    "data/sample/orders.csv": "data/sample/orders.csv",
}
_PRE_COMMIT = {".pre-commit-config.yaml": "pre-commit-config.yaml.j2"}
_GITHUB = {".github/workflows/hygge.yml": "github-workflow.yml.j2"}


@dataclass(frozen=True, slots=True)
class ProjectOptions:
    """Options of a new project."""

    bare: bool = False
    """Leave out the sample data, home, store and flows."""
    pre_commit: bool = False
    """A pre-commit configuration that validates the project."""
    github: bool = False
    """A GitHub workflow that validates the project."""


def project_name(directory: Path, *, named: bool) -> str:
    """Return the name of a project in `directory`.

    A new directory must have a valid name (`UsageError` otherwise); the name of an existing one is
    converted.
    """
    if named:
        return check_name("project", directory.name)
    return lawful_name(directory.name)


def project_files(name: str, options: ProjectOptions) -> list[Wanted]:
    """Return every file of a new project."""
    sources = dict(_ALWAYS)
    sources |= {} if options.bare else _SAMPLE
    sources |= _PRE_COMMIT if options.pre_commit else {}
    sources |= _GITHUB if options.github else {}
    values = {"name": name, "bare": options.bare}
    files = [Wanted(path, _text(source, values)) for path, source in sources.items()]
    return [*map(with_schema, files), *schema_files()]


def _text(source: str, values: dict[str, object]) -> str:
    text = (built_in_root() / "project" / source).read_text("utf-8")
    return render(source, text, values) if source.endswith(SUFFIX) else text
