"""The JSON Schemas of a project as files, and the line in each YAML file that names its own."""

from __future__ import annotations

from dataclasses import replace

from hygge.scaffold.changes import Wanted
from hygge.scaffold.editor_schemas import SCHEMA_FOLDER, schema_line, schema_texts

_MARK = "yaml-language-server:"


def schema_files(folder: str = SCHEMA_FOLDER) -> list[Wanted]:
    """Return every schema as a file in `folder`, which is relative to where files are written."""
    prefix = f"{folder}/" if folder else ""
    return [
        Wanted(f"{prefix}{name}", text, is_generated=True) for name, text in schema_texts().items()
    ]


def with_schema(file: Wanted) -> Wanted:
    """Return `file` with the comment by which editors find its schema, unless it has one."""
    line = schema_line(file.path)
    if not line or file.adds or _MARK in file.text:
        return file
    return replace(file, text=line + file.text)
