"""Models whose fields are documented by the strings below them, which are read on demand.

pydantic can read such strings itself (`use_attribute_docstrings`), but parses the source of every
class when it is created: an eighth of the time of `hygge validate`, which needs them only for an
error.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


_SENTENCE_END = re.compile(r"(?<!\be\.g)(?<!\bi\.e)(?<!\betc)[.](?: |$)")


class Described(BaseModel):
    """A model whose fields are described by the strings below them; see `description_of`."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> JsonSchemaValue:
        """Return the model's schema, with the description of each field."""
        found = handler(core_schema)
        properties: dict[str, Any] = handler.resolve_ref_schema(found).get("properties", {})
        for name, info in cls.model_fields.items():
            description = description_of(cls, name)
            for key in _keys(name, info):
                if description is not None and key in properties:
                    properties[key] = {**properties[key], "description": description}
        return found


def description_of(model: type[BaseModel], name: str) -> str | None:
    """Return a field's description from its `Field` or the string below it; None without both.

    For a model that is not `Described`, only the `Field` counts.
    """
    said = model.model_fields[name].description
    if said is not None:
        return said
    owners = (one for one in model.__mro__ if name in inspect.get_annotations(one))
    owner = next(owners, BaseModel)
    return _strings(owner).get(name) if issubclass(owner, Described) else None


def first_sentence(text: str) -> str:
    """Return the first sentence without its period; `e.g.` and `i.e.` do not end it."""
    return _SENTENCE_END.split(" ".join(text.split()))[0].removesuffix(".")


def _keys(name: str, info: FieldInfo) -> list[str]:
    """Return the names of a field in a schema."""
    choices = getattr(info.validation_alias, "choices", [info.validation_alias])
    names = (name, info.alias, info.serialization_alias, *choices)
    return [one for one in names if isinstance(one, str)]


@cache
def _strings(owner: type) -> Mapping[str, str]:
    """Return the string below each annotated name of a class; empty without its source."""
    try:
        source = dedent(inspect.getsource(owner))
    except (OSError, TypeError):
        return {}
    is_indented = source[:1].isspace()  # a string in it is indented less than the class
    tree = ast.parse(f"if True:\n{source}" if is_indented else source)
    body = next(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    found = {}
    for above, below in pairwise(body):
        match above, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = inspect.cleandoc(text)
    return found
