"""Pydantic models as JSON Schema draft 7 for editors, which accepts what the models accept.

A schema accepts every YAML value that its model accepts, and a variable wherever variables are
replaced. A `BeforeValidator` declares its input by `json_schema_input_type`; without it, the schema
accepts anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from pydantic import BaseModel
from pydantic.json_schema import (
    GenerateJsonSchema,
    JsonSchemaValue,
    JsonSchemaWarningKind,
    models_json_schema,
)
from pydantic_core import core_schema as core

DIALECT = "http://json-schema.org/draft-07/schema#"
_REFERENCE = "#/definitions/"
VARIABLE = {"$ref": f"{_REFERENCE}variable"}
DEFINITIONS: JsonSchemaValue = {
    "variable": {
        "description": "A variable: ${NAME}, ${NAME:-default}, ${NAME:?message}, ${file:/path}.",
        "type": "string",
        "pattern": r"(^|[^$])\$\{[^{}]+\}",
    },
}
"""Definitions of every schema, besides its models."""

_WHOLE = r"^\s*[-+]?[0-9]+(_[0-9]+)*(\.0+)?\s*$"
_NUMBER = (
    r"^\s*[-+]?(([0-9_]*\.?[0-9_]+|[0-9_]+\.)([eE][-+]?[0-9_]+)?|"
    r"[iI][nN][fF]([iI][nN][iI][tT][yY])?|[nN][aA][nN])\s*$"
)
_FLAG = {
    "anyOf": [
        {"type": "boolean"},
        {"enum": [0, 1]},
        {
            "type": "string",
            "pattern": "^([tT]([rR][uU][eE])?|[fF]([aA][lL][sS][eE])?|[yY]([eE][sS])?|[nN][oO]?"
            "|[oO][nN]|[oO][fF][fF]|0|1)$",
        },
    ]
}
_ANNOTATIONS = frozenset({"description", "default", "examples", "deprecated", "writeOnly"})
_DROPPED = frozenset({"title", "uniqueItems", "discriminator", "propertyNames", "format"}) | {
    "gt",
    "ge",
    "lt",
    "le",
}
"""Keywords that editors show badly, or that models do not enforce."""


def schemas_of(models: Sequence[type[BaseModel]]) -> tuple[list[str], JsonSchemaValue]:
    """Return the name of each model's definition, and the definitions of all of them."""
    wanted = [(model, cast("Any", "validation")) for model in models]
    references, schema = models_json_schema(
        wanted, ref_template=_REFERENCE + "{model}", schema_generator=_Draft7
    )
    names = [references[key]["$ref"].removeprefix(_REFERENCE) for key in wanted]
    definitions = {name: finished(one) for name, one in schema.get("$defs", {}).items()}
    return names, definitions


def reference(name: str) -> JsonSchemaValue:
    """Return a schema that refers to a definition."""
    return {"$ref": _REFERENCE + name}


def finished(schema: Mapping[str, Any]) -> JsonSchemaValue:
    """Return pydantic's schema converted to draft 7, with variables allowed for values."""
    kept = {key: part for key, part in schema.items() if key not in _DROPPED}
    if "prefixItems" in kept:
        kept["items"] = [value(finished(item)) for item in kept.pop("prefixItems")]
    elif isinstance(kept.get("items"), dict):
        kept["items"] = value(finished(kept["items"]))
    if isinstance(kept.get("additionalProperties"), dict):
        kept["additionalProperties"] = value(finished(kept["additionalProperties"]))
    for key in ("anyOf", "allOf"):
        if key in kept:
            kept[key] = [finished(part) for part in kept[key]]
    if "properties" in kept:
        kept["properties"] = {
            name: finished(part) if name == "type" else value(finished(part))
            for name, part in kept["properties"].items()
        }
    if "$ref" in kept and len(kept) > 1:
        kept["allOf"] = [{"$ref": kept.pop("$ref")}]
    return kept


def value(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Return the schema of a value or a variable."""
    notes = {key: part for key, part in schema.items() if key in _ANNOTATIONS}
    core_part = {key: part for key, part in schema.items() if key not in _ANNOTATIONS}
    choices = core_part["anyOf"] if list(core_part) == ["anyOf"] else [core_part]
    if any(_takes_any_text(choice) for choice in choices):
        return schema
    return {**notes, "anyOf": [*choices, VARIABLE]}


def _takes_any_text(schema: JsonSchemaValue) -> bool:
    rules = {key: part for key, part in schema.items() if key not in _ANNOTATIONS}
    return not rules or rules == {"type": "string"}


class _Draft7(GenerateJsonSchema):
    """Generates the schemas of pydantic's lax mode, in which numbers may be written as text."""

    schema_dialect = DIALECT
    ignored_warning_kinds: set[JsonSchemaWarningKind] = set(  # noqa: RUF012
        get_args(JsonSchemaWarningKind)
    )

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401
        """Leave out titles."""
        return False

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:  # noqa: ANN401
        """Accept anything for types without a schema."""
        return {}

    def int_schema(self, schema: core.IntSchema) -> JsonSchemaValue:
        """An integer, also as text."""
        exact = super().int_schema(schema)
        return exact if schema.get("strict") else _also_as_text(exact, _WHOLE)

    def float_schema(self, schema: core.FloatSchema) -> JsonSchemaValue:
        """A number, also as text."""
        exact = super().float_schema(schema)
        return exact if schema.get("strict") else _also_as_text(exact, _NUMBER)

    def bool_schema(self, schema: core.BoolSchema) -> JsonSchemaValue:
        """True or false, also as 1 and 0 and the words of YAML 1.1."""
        return super().bool_schema(schema) if schema.get("strict") else _FLAG

    def enum_schema(self, schema: core.EnumSchema) -> JsonSchemaValue:
        """One of the members' values; numbers also as text."""
        exact = super().enum_schema(schema)
        exact.pop("description", None)
        is_text = exact.get("type") == "string"
        return exact if is_text else _also_as_text({"enum": exact["enum"]}, _NUMBER)

    def tagged_union_schema(self, schema: core.TaggedUnionSchema) -> JsonSchemaValue:
        """Any of the tagged choices."""
        return {"anyOf": super().tagged_union_schema(schema)["oneOf"]}

    def decimal_schema(self, schema: core.DecimalSchema) -> JsonSchemaValue:
        """A number, or any text; the model checks the digits."""
        return {"type": ["number", "string"]}

    def timedelta_schema(self, schema: core.TimedeltaSchema) -> JsonSchemaValue:
        """Seconds, or any text; the model checks the duration."""
        return {"type": ["number", "string"]}

    def datetime_schema(self, schema: core.DatetimeSchema) -> JsonSchemaValue:
        """Seconds since 1970, or any text; the model checks the time."""
        return {"type": ["number", "string"]}

    def date_schema(self, schema: core.DateSchema) -> JsonSchemaValue:
        """Seconds since 1970, or any text; the model checks the date."""
        return {"type": ["number", "string"]}

    def time_schema(self, schema: core.TimeSchema) -> JsonSchemaValue:
        """Seconds of the day, or any text; the model checks the time."""
        return {"type": ["number", "string"]}

    def dict_schema(self, schema: core.DictSchema) -> JsonSchemaValue:
        """A mapping; the model checks the keys."""
        mapping = super().dict_schema(schema)
        if "patternProperties" in mapping:
            mapping["additionalProperties"] = next(iter(mapping.pop("patternProperties").values()))
        return mapping

    def function_before_schema(self, schema: core.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """The validator's declared input; anything without one."""
        return super().function_before_schema(schema) if _names_its_input(schema) else {}

    def function_wrap_schema(self, schema: core.WrapValidatorFunctionSchema) -> JsonSchemaValue:
        """The validator's declared input; anything without one."""
        return super().function_wrap_schema(schema) if _names_its_input(schema) else {}

    def model_schema(self, schema: core.ModelSchema) -> JsonSchemaValue:
        """The model's keys; a field with an alias accepts both names."""
        result = super().model_schema(schema)
        cls: type[BaseModel] = schema["cls"]
        if cls.model_config.get("populate_by_name") or cls.model_config.get("validate_by_name"):
            _add_names(result, cls)
        return result


def _also_as_text(exact: JsonSchemaValue, pattern: str) -> JsonSchemaValue:
    bounds = [exact[key] for key in ("minimum", "exclusiveMinimum") if key in exact]
    is_positive = any(bound >= 0 for bound in bounds)
    text = pattern.replace("[-+]?", "[+]?", 1) if is_positive else pattern
    return {"anyOf": [exact, {"type": "string", "pattern": text}]}


def _names_its_input(schema: Mapping[str, Any]) -> bool:
    return bool(schema.get("json_schema_input_schema"))


def _add_names(schema: JsonSchemaValue, model: type[BaseModel]) -> None:
    """Accept fields with an alias by their own name too."""
    properties, required = schema.get("properties", {}), schema.get("required", [])
    for name, info in model.model_fields.items():
        alias = info.validation_alias if isinstance(info.validation_alias, str) else name
        if alias == name or alias not in properties:
            continue
        properties[name] = properties[alias]
        if alias in required:
            required.remove(alias)
            either: list[JsonSchemaValue] = schema.setdefault("allOf", [])
            either.append({"anyOf": [{"required": [alias]}, {"required": [name]}]})
    if not required:
        schema.pop("required", None)
