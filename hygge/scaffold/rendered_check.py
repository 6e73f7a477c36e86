"""Validation of rendered files before they are written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel

from hygge.errors import ConfigError, UsageError
from hygge.project.diagnostics import Diagnostic
from hygge.project.nodes import Node
from hygge.project.validation import validate
from hygge.project.variables import Variables
from hygge.project.yaml_parser import parse
from hygge.scaffold.changes import Wanted


def check_yaml(files: Iterable[Wanted]) -> None:
    """Raise `ConfigError` with file and line when a rendered YAML file does not parse."""
    for file in files:
        if file.path.endswith((".yml", ".yaml")):
            parsed_node(file)


def parsed_node(file: Wanted) -> Node:
    """Return the parsed content of a rendered file; raise `ConfigError` when it is not YAML."""
    parsed = parse(file.text, file.path)
    if parsed.node is None or parsed.diagnostics:
        raise ConfigError(
            f"the template did not produce valid YAML: {parsed.diagnostics[0]}",
            hint="fix the template under templates/, or remove it to use the built-in one",
            code="HG604",
        )
    return parsed.node


def check_settings(model: type[BaseModel], file: Wanted, subject: str, example: str) -> None:
    """Raise `UsageError` with every key and value of `file` that `model` rejects.

    Unknown variables are never wrong. `example` is the fallback hint.
    """
    variables = Variables(Path())
    node = variables.fill(parsed_node(file))
    _, wrong = validate(model, node, subject)
    wrong = [*variables.found, *wrong]
    if wrong:
        helps = [line for one in wrong for line in one.help]
        raise UsageError(
            "\n".join(one.message for one in wrong),
            hint=helps[0] if helps else example,
            code=_code(wrong),
        )


def _code(wrong: list[Diagnostic]) -> str:
    return wrong[0].code
