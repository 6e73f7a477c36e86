"""Each connector's template knows every option, and what it shows as an example is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from projects import least, least_words
from pydantic import BaseModel

from hygge.connector import HomeConfig, StoreConfig
from hygge.errors import UsageError
from hygge.project.nodes import Node
from hygge.project.validation import keys_of, validate
from hygge.project.variables import Variables
from hygge.project.yaml_parser import parse
from hygge.scaffold.connectors import NewConnector, connector_files
from hygge.scaffold.templates import built_in_kinds

TYPES: list[tuple[str, str]] = [
    (kind, name)
    for kind, registry in (("home", HomeConfig.registry), ("store", StoreConfig.registry))
    for name in sorted(registry.built_in())
]
every_type = pytest.mark.parametrize(("kind", "type_name"), TYPES)


def model_of(kind: str, type_name: str) -> type[BaseModel]:
    registry = HomeConfig.registry if kind == "home" else StoreConfig.registry
    return registry.find(type_name)


def rendered(kind: str, type_name: str, project: Path) -> str:
    words = least_words(model_of(kind, type_name))
    new = NewConnector("home" if kind == "home" else "store", "x", type_name, words)
    return connector_files(project, new)[0].text


def node_of(text: str) -> Node:
    parsed = parse(text, "x.yml")
    assert parsed.diagnostics == ()
    assert parsed.node is not None
    return parsed.node


@every_type
def test_every_connector_has_a_template(kind: str, type_name: str) -> None:
    assert f"{kind}/{type_name}" in built_in_kinds()


@every_type
def test_a_template_shows_every_option(kind: str, type_name: str, tmp_path: Path) -> None:
    shown = set(re.findall(r"^(?:# )?([a-z_]+): ", rendered(kind, type_name, tmp_path), re.M))
    assert shown >= set(keys_of(model_of(kind, type_name)))


@every_type
def test_every_example_is_a_value_the_option_can_have(
    kind: str, type_name: str, tmp_path: Path
) -> None:
    model = model_of(kind, type_name)
    lines = rendered(kind, type_name, tmp_path).splitlines()
    for line in lines:
        option = re.match(r"# ([a-z_]+): \S", line)
        if option and option[1] in keys_of(model):
            text = "\n".join([*(kept for kept in lines if kept != line), line.removeprefix("# ")])
            node = Variables(tmp_path).fill(node_of(text))
            assert validate(model, node, "it")[1] == [], line


@every_type
def test_lines_are_short(kind: str, type_name: str, tmp_path: Path) -> None:
    assert [
        line for line in rendered(kind, type_name, tmp_path).splitlines() if len(line) > 100
    ] == []


@every_type
def test_the_template_for_any_type_fits_too(kind: str, type_name: str, tmp_path: Path) -> None:
    own = tmp_path / "templates" / kind
    own.mkdir(parents=True)
    source = Path(__file__).parents[2] / "templates" / kind / "any.yml.j2"
    (own / f"{type_name}.yml.j2").write_text(source.read_text("utf-8"), "utf-8")
    if type_name == "rest":  # its entities are mappings, which no words can say
        with pytest.raises(UsageError, match="requires the key 'entities'"):
            rendered(kind, type_name, tmp_path)
        return
    text = rendered(kind, type_name, tmp_path)
    assert set(node_of(text).entries) == {"type", *least(model_of(kind, type_name))}
    assert all(f"{name}: " in text for name in keys_of(model_of(kind, type_name)))
