"""Schemas of connectors that others write: as wide as their models, whatever types they use."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from jsonschema import Draft7Validator
from pydantic import (
    AnyUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from hygge.scaffold.json_schema import DEFINITIONS, reference, schemas_of

Data = dict[str, Any]


class Color(Enum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Auth(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user: str
    password: SecretStr


class Tree(BaseModel):
    children: list[Tree] = []


class ByUser(BaseModel):
    kind: Literal["user"]
    user: str


class ByKey(BaseModel):
    kind: Literal["key"]
    key: str


class Odd(BaseModel):
    """Uses what a connector may use."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, use_attribute_docstrings=True)

    auth: Auth | None = None
    """Who we are."""
    tree: Tree | None = None
    way: Annotated[ByUser | ByKey, Field(discriminator="kind")] | None = None
    place: Path = Path()
    url: AnyUrl | None = None
    when: datetime | None = None
    day: date | None = None
    wait: timedelta | None = None
    price: Decimal = Decimal(0)
    id: UUID | None = None
    color: Color = Color.RED
    level: Level = Level.LOW
    pair: tuple[int, str] | None = None
    words: set[str] = set()
    ports: dict[int, int] = {}
    anything: Any = None
    upper: Annotated[str, BeforeValidator(lambda v: str(v).upper())] = ""
    halved: int = 0
    schema_: str | None = Field(default=None, alias="schema")
    """The schema to read."""
    code: Annotated[str, Field(pattern="^[a-z]+$")] = "x"

    @field_validator("halved", mode="before")
    @classmethod
    def _halve(cls, value: object) -> object:
        return len(value) if isinstance(value, str | list) else value


def editor() -> Draft7Validator:
    (name,), definitions = schemas_of([Odd])
    schema = {"allOf": [reference(name)], "definitions": {**DEFINITIONS, **definitions}}
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def is_valid(data: Data) -> bool:
    try:
        Odd.model_validate(data)
    except ValidationError:
        return False
    return True


VALUES: list[Any] = [
    None, 0, 1, 2, 1.5, "", "1", "1.5", "abc", "ABC", "red", "2024-12-31", "P1D", "PT5S",
    "2024-12-31T10:00:00Z", "00000000-0000-0000-0000-000000000000", "a" * 32, "https://a.b/c",
    "NaN", [], ["a"], ["a", "a"], [1, "a"], [1, "a", 2], {}, {"1": 2}, {"a": 1}, {"user": "a"},
    {"user": "a", "password": "b"}, {"user": "a", "pasword": "b"}, {"kind": "user", "user": "a"},
    {"kind": "key", "key": "a"}, {"kind": "x"}, {"children": [{"children": []}]}, {"children": "x"},
]  # fmt: skip


@pytest.mark.parametrize("key", [*Odd.model_fields, "schema"])
def test_what_a_model_accepts_its_schema_accepts(key: str) -> None:
    for value in VALUES:
        if is_valid({key: value}):
            assert list(editor().iter_errors({key: value})) == [], value


@pytest.mark.parametrize(
    "data",
    [
        {"schem": "a"},
        {"auth": {"user": "a"}},
        {"auth": {"user": "a", "pasword": "b"}},
        {"auth": 5},
        {"color": "rde"},
        {"level": 7},
        {"level": "low"},
        {"pair": [1]},
        {"pair": [1, "a", 2]},
        {"ports": 5},
        {"code": "A"},
        {"tree": {"children": 5}},
        {"schema": 5},
        {"way": {"kind": "user"}},
    ],
)
def test_what_has_another_shape_is_refused(data: Data) -> None:
    assert not is_valid(data)
    assert list(editor().iter_errors(data)) != []


@pytest.mark.parametrize("key", ["auth", "tree", "level", "pair", "ports", "code", "color"])
def test_any_value_may_be_a_variable(key: str) -> None:
    assert list(editor().iter_errors({key: "${X}"})) == []


def test_docstrings_are_descriptions() -> None:
    (name,), definitions = schemas_of([Odd])
    assert definitions[name]["properties"]["schema"]["description"] == "The schema to read."
    assert definitions[name]["properties"]["auth"]["description"] == "Who we are."
