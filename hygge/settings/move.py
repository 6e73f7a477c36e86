"""What a person may say about a move: the keys that `defaults`, flows and entities share."""

from __future__ import annotations

import re
from math import isfinite
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    WithJsonSchema,
    model_validator,
)

from hygge.settings.expressions import parse
from hygge.settings.masks import Mask
from hygge.types.type_names import TypeName
from hygge.values.described import Described
from hygge.values.locations import local_path
from hygge.values.model import Mode

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
LocalPath = Annotated[str, Field(min_length=1), AfterValidator(local_path)]
"""A path on a local file system; `file:///…` is one, too, and any other URL is refused."""
Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...]),
]
"""A list of names; one name may stand alone."""


class Settings(Described):
    """A block of YAML whose unknown keys are errors."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        defer_build=True,  # no validator of a block that is only a part of others
    )


def check_expression(text: str) -> str:
    """Return `text`; raise `ValueError` with the place when it is no expression."""
    parse(text)
    return text


class ColumnSettings(Settings):
    """What happens to one column on its way."""

    type: TypeName | None = None
    """Cast to this type; a value that does not fit fails the move, naming column and value."""
    rename: str | None = Field(default=None, min_length=1)
    """The column's name in the store."""
    nullable: bool | None = None
    """Whether nulls may be in it; with `false` a null fails the move, naming its row."""
    mask: Mask | None = None
    """What the store may see: hash (with `mask_salt`), redact, partial or null.

    `partial` shows the last four characters of a longer text, and of an e-mail address its first
    character and its domain: `a***@example.com`.
    """
    value: str | int | float | bool | None = None
    """Add this column, with this value in every row."""
    compute: Annotated[str, AfterValidator(check_expression)] | None = None
    """Add this column, computed from others: `price * quantity`, `lower(email)`."""

    @property
    def is_added(self) -> bool:
        """Whether the column is none of the home's."""
        return self.value is not None or self.compute is not None


class SchemaContract(Settings):
    """What a flow allows when the home's columns differ from the store's."""

    add: Literal["evolve", "keep", "fail"] = "evolve"
    """A column the store lacks: add it there, keep the store as it is and leave it out, or stop."""
    drop: Literal["evolve", "keep", "fail"] = "evolve"
    """A column that the home no longer has; `fail` stops.

    With `evolve` a replace drops it, an append leaves it null in new rows, and a merge sets it to
    null in new and updated rows. With `keep` a replace fills it with nulls, and a merge leaves its
    value in the rows that it updates.
    """
    change: Literal["evolve", "keep", "fail"] = "evolve"
    """Another type, or nulls that may come now: widen where every value stays exact (and stop
    elsewhere), keep the store's type and cast exactly, or always stop."""


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


class Incremental(Settings):
    """How a flow tells new rows from those it has moved."""

    column: str = Field(min_length=1)
    """The column of the home that grows with every new or changed row, such as `updated_at`."""
    initial: str | int | float | None = None
    """Begin here when nothing has been moved yet; rows below are never moved."""
    lookback: Seconds | None = None
    """Read so far back again for rows that came late: a time, or a number for numbers; merges."""
    nulls: Literal["fail", "include", "skip"] = "fail"
    """Rows without a value (or NaN): stop, move them every time (merges), or leave them out."""
    future: Literal["fail", "include", "skip"] = "fail"
    """Rows more than a day ahead of the clock: stop, move them, or leave them until their time."""
    updates: Literal["ignore", "append"] | None = None
    """An appended row that changed since, without a higher value: `ignore` it, which needs a key,
    or `append` it again if it is seen. By default it is ignored with `primary_key`, and where the
    column is part of the home's own key; a merge always takes it."""
    ties: Literal["exact", "closed"] = "exact"
    """Rows that later get the highest value moved: told apart, or, `closed`, never coming."""


class RowCount(Settings):
    """How many rows there must be."""

    min: Annotated[int, Field(ge=0)] | None = None
    """At least so many."""
    max: Annotated[int, Field(ge=0)] | None = None
    """At most so many."""


class AcceptedValues(Settings):
    """The values that a column may have."""

    column: str = Field(min_length=1)
    """The column's name in the store."""
    values: tuple[str | int | float | bool, ...] = Field(min_length=1)
    """Its values; nulls are always accepted."""


class Freshness(Settings):
    """How old the newest row may be."""

    column: str = Field(min_length=1)
    """A column of times or dates, by its name in the store."""
    max_age: Seconds
    """The greatest age of its newest value."""


class Check(Settings):
    """What must be true of the staged rows, one rule each; columns by their names in the store."""

    not_null: Names = ()
    """Columns without nulls."""
    unique: Names = ()
    """Columns whose values together are different in every row; nulls are no values."""
    row_count: RowCount | None = None
    """How many rows there must be: {min: 1}."""
    accepted_values: AcceptedValues | None = None
    """The values that a column may have: {column: status, values: [open, closed]}."""
    freshness: Freshness | None = None
    """How old the newest row may be: {column: updated_at, max_age: 24h}."""
    sql: Annotated[str, Field(min_length=1)] | None = None
    """A query that must find no row; it only reads, and calls the staged rows `{staged}`."""
    severity: Literal["error", "warn"] = "error"
    """Whether the move fails, or goes on and says so."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self._kinds()) != 1:
            raise ValueError(f"a check has one rule: {', '.join(CHECKS)}; and a severity")
        return self

    def _kinds(self) -> list[str]:
        return [kind for kind in CHECKS if getattr(self, kind) not in (None, ())]

    @property
    def is_of_single_rows(self) -> bool:
        """Whether single rows can be against it, and an error."""
        return bool(self.not_null or self.accepted_values) and self.severity == "error"

    def columns(self) -> tuple[str, ...]:
        """Return the columns that the check looks at."""
        single = (self.accepted_values, self.freshness)
        return (*self.not_null, *self.unique, *(one.column for one in single if one is not None))

    def told(self) -> str:
        """Return the check in a few words, such as `not_null: id`."""
        kind = self._kinds()[0]
        return f"{kind}: {', '.join(self.columns()) or self._bounds()}"

    def _bounds(self) -> str:
        if self.sql is not None:
            return self.sql
        wanted = self.row_count or RowCount()
        return ", ".join(f"{name} {value}" for name, value in wanted if value is not None)


Guarantee = Literal["exactly-once", "effectively-once", "at-least-once"]
"""How often a row of the home lands; `effectively-once`: may move again, with the same result."""
CHECKS = ("not_null", "unique", "row_count", "accepted_values", "freshness", "sql")
"""The rules that a check may have."""
FILES = "files"
"""`incremental: files`: what is new is told by the files, not by a column."""


def parse_incremental(value: object) -> object:
    """Turn the name of a column into the mapping that it stands for."""
    return {"column": value} if isinstance(value, str) and value != FILES else value


class DefaultSettings(Settings):
    """The keys that `defaults`, a flow and each of its entities may set."""

    mode: Mode = Mode.REPLACE
    """How a commit meets what is there: replace, append or merge."""
    primary_key: Names = ()
    """The columns that identify a row, by their names in the home; no null may be in them."""
    incremental: (
        Annotated[
            Literal["files"] | Incremental,
            BeforeValidator(
                parse_incremental,
                json_schema_input_type=Annotated[str, Field(min_length=1)] | Incremental,
            ),
        ]
        | None
    ) = None
    """Move only what is new: by a column that grows, or by `files` not moved before.

    Of a csv or jsonl file that has grown only the new rows are moved. A file of which earlier rows
    changed stops an append, unless the flow says `guarantee: at-least-once`.
    """
    dedupe_by: Names = ()
    """Of several rows with one key a merge takes the highest in these columns of the home.

    Without it, in the column of `incremental`.
    """
    delete_missing: Literal["soft", "hard"] | None = None
    """Rows that are gone from the home: `soft` marks them when merging, `hard` deletes them.

    Not with `on_bad_row: quarantine`, which keeps rows of the home out.
    """
    where: str | None = Field(default=None, min_length=1)
    """Move only rows that meet this condition, in the SQL of a home that speaks it.

    For other homes in the language of `compute`: `status <> 'test' and amount > 0`.
    """
    select: Names = ()
    """Columns to move, in this order; or columns to leave out, each with a `-` in front."""
    columns: dict[str, ColumnSettings] = Field(default_factory=dict)
    """Casts, new names and masks, by the column's name in the home; and columns to add."""
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
    on_bad_row: Literal["fail", "quarantine"] = "fail"
    """A row that a cast or a check of single rows refuses: stop, or put it into a file aside."""
    max_bad_rows: Annotated[int, Field(ge=0)] = 1000
    """Stop when more rows than this would be put aside."""
    checks: tuple[Check, ...] = ()
    """What must be true of the rows before they are published."""
    freshness: Seconds | None = None
    """The longest time since the last success, such as `24h`, before `hygge status` fails."""
    guarantee: Guarantee | None = None
    """The least that a row may rely on: a flow that gives less is refused (`hygge plan` tells)."""
    keep_generations: Annotated[int, Field(ge=0, le=1000)] = 1
    """How many commits `hygge undo` can take back; 0 keeps nothing for it."""
    max_value_bytes: Bytes | None = None
    """The largest value that is moved, such as `200MB`; by default a quarter of `memory_limit`.

    In files of text it bounds a whole line. Larger values are refused by row and column, because
    each is held in memory several times: by the reader, as a value, and by the writer. Parquet
    files and tables of PostgreSQL are asked for their lengths before any value is read.
    """
    parallel: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = "auto"
    """Splits of one entity that are read at once."""
    retries: Annotated[int, Field(ge=0, le=100)] = 20
    """How often a move is tried again after an error that may pass, such as a lost connection.

    Waits between attempts double from 1 second to 2 minutes.
    """
    retry_for: Seconds = 600.0
    """How long a move waits in all for such an error to pass, written like `10m`."""
    timeout: Seconds | None = None
    """The longest a move may take, all its attempts together."""


class MoveSettings(DefaultSettings):
    """How entities move: the keys that a flow and each of its entities may set."""

    query: str | None = Field(default=None, min_length=1)
    """Move the rows of this query instead of a table's; the entity is then only a name."""
