"""Descriptions that are read late are those that pydantic would have read at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module, invalidate_caches
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from hygge.connector import HomeConfig
from hygge.values.described import Described, description_of

SOURCE = '''
from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from {package} import Parent


class Colour(Enum):
    """The colours."""

    RED = "red"


class Part(Parent):
    """A part of the whole."""

    size: int = 1
    """How large
        it is,
    in all."""
    plain: bool = False


class Whole(Parent):
    part: Part = Part()
    """The only part."""
    parts: tuple[Part, ...] = ()
    """More of them."""
    maybe: Part | None = None
    colour: Colour = Colour.RED
    """Which colour."""
    is_one: bool = False
    """One."""
    is_two: bool = False
    """Two."""
    schema_: Annotated[str, Field(alias="schema")] = "x"
    """Has another name."""
    other: Annotated[int, Field(validation_alias=AliasChoices("one", "two"))] = 1
    """Has two names."""
    said: Annotated[int, Field(description="By its field.")] = 1
    """Not read."""
    word: Literal["a"] = "a"
    "A word."

    def method(self) -> None:
        inner: int = 1
        """Nobody's."""


class Child(Whole):
    """Changes some."""

    colour: Colour = Colour.RED
    is_two: bool = True
    """Two, again."""
    late: int
    """Its own."""


def local() -> type[Parent]:
    class Inner(Parent):
        text: str = """a
b"""
        """Far
down."""

    return Inner


MODELS = [Part, Whole, Child, local()]
'''
PARENTS = {
    "late": "from hygge.values.described import Described as Parent",
    "early": (
        "from pydantic import BaseModel, ConfigDict\n"
        "class Parent(BaseModel):\n"
        "    model_config = ConfigDict(use_attribute_docstrings=True)"
    ),
}


@pytest.fixture
def models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, list[type[BaseModel]]]]:
    """The same classes, described late and at once."""
    monkeypatch.syspath_prepend(tmp_path)
    found = {}
    for kind, parent in PARENTS.items():
        package = tmp_path / f"described_{kind}"
        package.mkdir()
        (package / "__init__.py").write_text(parent)
        (package / "models.py").write_text(SOURCE.format(package=package.name))
        invalidate_caches()
        found[kind] = import_module(f"{package.name}.models").MODELS
    yield found
    for kind in PARENTS:
        for name in (f"described_{kind}.models", f"described_{kind}"):
            sys.modules.pop(name)


def test_each_field_has_the_description_that_pydantic_reads(
    models: dict[str, list[type[BaseModel]]],
) -> None:
    for late, early in zip(models["late"], models["early"], strict=True):
        assert issubclass(late, Described)
        wanted = {name: info.description for name, info in early.model_fields.items()}
        assert {name: description_of(late, name) for name in late.model_fields} == wanted
        assert {name: description_of(early, name) for name in early.model_fields} == wanted
    child = models["late"][2]
    assert description_of(child, "is_two") == "Two, again."
    assert description_of(child, "part") == "The only part."
    assert description_of(child, "colour") is None


def test_each_schema_is_the_one_that_pydantic_writes(
    models: dict[str, list[type[BaseModel]]],
) -> None:
    for late, early in zip(models["late"], models["early"], strict=True):
        assert late.model_json_schema() == early.model_json_schema()
        modes: Any = {"mode": "serialization", "by_alias": False}
        assert late.model_json_schema(**modes) == early.model_json_schema(**modes)


def test_a_connector_may_still_have_pydantic_read_them() -> None:
    class EagerHomeConfig(HomeConfig):
        model_config = ConfigDict(use_attribute_docstrings=True)

        host: str
        """Name of the server."""

    assert EagerHomeConfig.model_fields["host"].description == "Name of the server."
    assert description_of(EagerHomeConfig, "host") == "Name of the server."
    assert description_of(EagerHomeConfig, "type") is not None


def test_a_class_without_source_has_no_descriptions() -> None:
    space: dict[str, Any] = {"__name__": "nowhere", "Described": Described}
    exec("class Bare(Described):\n    x: int = 1\n    'Lost.'\n", space)
    assert description_of(space["Bare"], "x") is None
    assert "description" not in space["Bare"].model_json_schema()["properties"]["x"]


def test_nothing_is_parsed_when_a_class_is_made() -> None:
    code = (
        "import ast\n"
        "def refuse(*given, **more): raise SystemExit('parsed')\n"
        "ast.parse = refuse\n"
        "from hygge.connector import HomeConfig, StoreConfig\n"
        "import hygge.project\n"
        "for one in (HomeConfig.registry, StoreConfig.registry):\n"
        "    [one.find(name) for name in one.names()]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
