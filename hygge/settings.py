"""What a person may say about a move: the keys that `defaults`, flows and entities share."""

from __future__ import annotations

import re
from math import isfinite
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema

from hygge.datatypes import TypeName
from hygge.described import Described
from hygge.model import Mode

_DURATION = r"\s*([0-9]+(?:\.[0-9]+)?)\s*([smhd])?\s*"
_SIZE = r"\s*([0-9]+(?:\.[0-9]+)?)\s*((?:[KMGT]I?)?B?)\s*"
_SHARE = r"\s*([0-9]+(?:\.[0-9]+)?)\s*%\s*"

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BYTES |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_LONGEST = 10**9
"""The most seconds: thirty years, which every timer can count."""
_MOST = 10**18
"""The most bytes."""


def parse_seconds(value: object) -> object:
    """Turn `90`, `"30s"`, `"5m"`, `"1.5h"` or `"1d"` into seconds."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(_DURATION, value)
    if match is None:
        raise ValueError("not a length of time; write it like 30s, 5m, 2h or 1d")
    return float(match[1]) * _SECONDS[match[2] or "s"]


def parse_bytes(value: object) -> object:
    """Turn `1000000`, `"256MB"` or `"1GiB"` into bytes."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(_SIZE, value.upper())
    unit = match and (match[2] if match[2] in _BYTES else match[2] + "B")
    if match is None or unit not in _BYTES:
        raise ValueError("not a size; write it like 256MB, 1GB or 1GiB")
    size = float(match[1]) * _BYTES[unit]
    return int(size) if isfinite(size) else size


def parse_share(value: object) -> object:
    """Turn `"50%"` into 0.5."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(_SHARE, value)
    if match is None:
        raise ValueError("not a share; write it like 50%")
    return float(match[1]) / 100


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _written(pattern: str) -> WithJsonSchema:
    """Return how an editor knows a text that a parser here takes."""
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


_Duration = Annotated[str, _written(_DURATION)]
_Size = Annotated[str, _written(_SIZE.replace("[KMGT]I?", "[KMGTkmgt][Ii]?").replace("B", "[Bb]"))]
_Percentage = Annotated[str, _written(_SHARE)]

Seconds = Annotated[
    float,
    BeforeValidator(
        parse_seconds,
        json_schema_input_type=Annotated[float, Strict(), Field(gt=0, le=_LONGEST)] | _Duration,
    ),
    Field(gt=0, le=_LONGEST),
]
"""A length of time in seconds, written like `30s`, `5m`, `2h`."""
Bytes = Annotated[
    int,
    BeforeValidator(
        parse_bytes,
        json_schema_input_type=Annotated[int, Strict(), Field(gt=0, le=_MOST)] | _Size,
    ),
    Field(gt=0, le=_MOST),
]
"""A size in bytes, written like `256MB` or `1GiB`."""
Share = Annotated[
    float,
    BeforeValidator(
        parse_share,
        json_schema_input_type=Annotated[float, Strict(), Field(ge=0, le=1)] | _Percentage,
    ),
    Field(ge=0, le=1),
]
"""A part of a whole from 0 to 1, written like `50%`."""
Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...]),
]
"""A list of names; one name may stand alone."""


class Settings(Described):
    """A block of YAML whose unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ColumnSettings(Settings):
    """What happens to one column on its way."""

    type: TypeName | None = None
    """Cast to this type; a value that does not fit fails the move, naming column and value."""
    rename: str | None = Field(default=None, min_length=1)
    """The column's name in the store."""
    nullable: bool | None = None
    """Whether nulls may be in it; with `false` a null fails the move, naming its row."""


class SchemaContract(Settings):
    """What a flow allows when the home's columns differ from the store's."""

    add: Literal["evolve", "fail"] = "evolve"
    """A column the store lacks: add it there, or stop."""
    drop: Literal["keep", "fail"] = "keep"
    """A column the home lacks: keep it and fill it with nulls, or stop."""
    change: Literal["evolve", "fail"] = "evolve"
    """Another type: widen where every value stays exact (and stop elsewhere), or always stop."""


_CONTRACTS: dict[str, dict[str, str]] = {
    "evolve": {},
    "freeze": {"add": "fail", "drop": "fail", "change": "fail"},
}


def parse_contract(value: object) -> object:
    """Turn the words `evolve` and `freeze` into the contract they stand for."""
    if not isinstance(value, str):
        return value
    if value not in _CONTRACTS:
        raise ValueError("write evolve, freeze, or a mapping of add, drop and change")
    return _CONTRACTS[value]


class DefaultSettings(Settings):
    """The keys that `defaults`, a flow and each of its entities may set."""

    mode: Mode = Mode.REPLACE
    """How a commit meets what is there: replace, append or merge."""
    primary_key: Names = ()
    """The columns that identify a row, by their names in the home; no null may be in them."""
    where: str | None = Field(default=None, min_length=1)
    """Move only rows that meet this condition, in the SQL of a home that speaks it."""
    select: Names = ()
    """Columns to move, in this order; or columns to leave out, each with a `-` in front."""
    columns: dict[str, ColumnSettings] = Field(default_factory=dict)
    """Casts and new names, by the column's name in the home."""
    column_casing: Literal["source", "snake", "lower", "upper"] = "source"
    """How column names are written in the store."""
    metadata_columns: tuple[Literal["loaded_at", "run_id"], ...] = ()
    """Columns to add: `_hygge_loaded_at` (timestamp, UTC) and `_hygge_run_id` (string)."""
    schema_contract: Annotated[
        SchemaContract,
        BeforeValidator(
            parse_contract, json_schema_input_type=Literal["evolve", "freeze"] | SchemaContract
        ),
    ] = SchemaContract()
    """What to do when columns differ: evolve, freeze, or a choice for add, drop and change."""
    on_empty: Literal["keep", "replace", "fail"] = "keep"
    """When a replace finds no rows at home: keep what is there and say so, replace, or fail."""
    max_shrink: Share | None = None
    """Refuse a replace that would lose more than this share of the rows in the store."""
    parallel: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = "auto"
    """Splits of one entity that are read at once."""
    retries: Annotated[int, Field(ge=0, le=100)] = 3
    """How often a move is tried again after an error that may pass."""
    timeout: Seconds | None = None
    """The longest a move may take, all its attempts together."""


class MoveSettings(DefaultSettings):
    """How entities move: the keys that a flow and each of its entities may set."""

    query: str | None = Field(default=None, min_length=1)
    """Move the rows of this query instead of a table's; the entity is then only a name."""
