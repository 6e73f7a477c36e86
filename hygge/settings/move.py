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
        raise ValueError("not a duration; write it as in 30s, 5m, 2h or 1d")
    return float(match[1]) * _SECONDS[match[2] or "s"]


def parse_bytes(value: object) -> object:
    """Turn `1000000`, `"256MB"` or `"1GiB"` into bytes."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(_SIZE, value.upper())
    unit = match and (match[2] if match[2] in _BYTES else match[2] + "B")
    if match is None or unit not in _BYTES:
        raise ValueError("not a size; write it as in 256MB, 1GB or 1GiB")
    size = float(match[1]) * _BYTES[unit]
    return int(size) if isfinite(size) else size


def parse_share(value: object) -> object:
    """Turn `"50%"` into 0.5."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(_SHARE, value)
    if match is None:
        raise ValueError("not a percentage; write it as in 50%")
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
    """Cast the column to this type. A value that does not fit fails the move."""
    rename: str | None = Field(default=None, min_length=1)
    """Name of the column in the store."""
    nullable: bool | None = None
    """Whether nulls are allowed. With `false` a null fails the move."""
    mask: Mask | None = None
    """Mask the values: `hash` (needs `mask_salt`), `redact`, `partial` or `null`.

    `partial` keeps the last four characters of a longer text, and the first character and the
    domain of an e-mail address: `a***@example.com`.
    """
    value: str | int | float | bool | None = None
    """Add this column, with a constant value."""
    compute: Annotated[str, AfterValidator(check_expression)] | None = None
    """Add this column, computed from others: `price * quantity`, `lower(email)`."""

    @property
    def is_added(self) -> bool:
        """Whether the column is none of the home's."""
        return self.value is not None or self.compute is not None


class SchemaContract(Settings):
    """What a flow allows when the home's columns differ from the store's."""

    add: Literal["evolve", "keep", "fail"] = "evolve"
    """A column that the store does not have: add it (`evolve`), do not move it (`keep`) or fail."""
    drop: Literal["evolve", "keep", "fail"] = "evolve"
    """A column that the home no longer has.

    `evolve`: a replace drops it, an append and a merge set it to null in new and updated rows.
    `keep`: a replace fills it with nulls, a merge keeps its values. `fail`: the move fails.
    """
    change: Literal["evolve", "keep", "fail"] = "evolve"
    """A column with another type, or one that is nullable now: widen the type if all values stay
    exact, else fail (`evolve`); cast exactly to the type of the store (`keep`); or `fail`."""


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
    """How a flow distinguishes new rows from those it has moved."""

    column: str = Field(min_length=1)
    """Watermark column of the home, whose value increases with every new or changed row."""
    initial: str | int | float | None = None
    """Value to start from on the first move; rows below it are never moved."""
    lookback: Seconds | None = None
    """Read again this far below the watermark, for late rows; requires `mode: merge`."""
    nulls: Literal["fail", "include", "skip"] = "fail"
    """Rows with null or NaN: `fail`, move them every time (`include`, needs a merge) or `skip`."""
    future: Literal["fail", "include", "skip"] = "fail"
    """Rows more than a day in the future: `fail`, move them (`include`) or `skip` them until
    then."""
    updates: Literal["ignore", "append"] | None = None
    """A row that was appended and has changed since: `ignore` it, which needs a key, or `append` it
    again. The default is `ignore` with `primary_key`, or if the column is part of the key in the
    home. A merge always updates the row."""
    ties: Literal["exact", "closed"] = "exact"
    """Rows added later with exactly the watermark value: moved (`exact`), or none exist
    (`closed`)."""


class RowCount(Settings):
    """Allowed number of rows."""

    min: Annotated[int, Field(ge=0)] | None = None
    """Minimum number of rows."""
    max: Annotated[int, Field(ge=0)] | None = None
    """Maximum number of rows."""


class AcceptedValues(Settings):
    """Allowed values of a column."""

    column: str = Field(min_length=1)
    """Name of the column in the store."""
    values: tuple[str | int | float | bool, ...] = Field(min_length=1)
    """Allowed values; nulls are always accepted."""


class Freshness(Settings):
    """Maximum age of the newest row."""

    column: str = Field(min_length=1)
    """Column of timestamps or dates, by its name in the store."""
    max_age: Seconds
    """Maximum age of its newest value."""


class Check(Settings):
    """What must be true of the staged rows, one rule each; columns by their names in the store."""

    not_null: Names = ()
    """Columns without nulls."""
    unique: Names = ()
    """Columns whose combination is unique; rows with a null are ignored."""
    row_count: RowCount | None = None
    """Allowed number of rows: {min: 1}."""
    accepted_values: AcceptedValues | None = None
    """Allowed values of a column: {column: status, values: [open, closed]}."""
    freshness: Freshness | None = None
    """Maximum age of the newest row: {column: updated_at, max_age: 24h}."""
    sql: Annotated[str, Field(min_length=1)] | None = None
    """A read-only query on `{staged}`, the staged rows, that must return no rows."""
    severity: Literal["error", "warn"] = "error"
    """`error` fails the move, `warn` publishes the rows with a warning."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self._kinds()) != 1:
            raise ValueError(
                f"a check has one rule ({', '.join(CHECKS)}) and optionally a severity"
            )
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

    def summary(self) -> str:
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
"""`incremental: files`: the files decide what is new, not a column."""
POSITIONS = "positions"
"""`incremental: positions`: the home knows how far it was read; set for every queue."""


_BY_HOME = (FILES, POSITIONS)


def parse_incremental(value: object) -> object:
    """Turn the name of a column into the mapping that it stands for."""
    return {"column": value} if isinstance(value, str) and value not in _BY_HOME else value


class DefaultSettings(Settings):
    """The keys that `defaults`, a flow and each of its entities may set."""

    mode: Mode = Mode.REPLACE
    """How rows are written: `replace` all, `append`, or `merge` by key.

    The default for a queue is `append`, also where `defaults` says `replace`.
    """
    primary_key: Names = ()
    """Columns of the key, by their names in the home; they must not contain nulls."""
    incremental: (
        Annotated[
            Literal["files", "positions"] | Incremental,
            BeforeValidator(
                parse_incremental,
                json_schema_input_type=Annotated[str, Field(min_length=1)] | Incremental,
            ),
        ]
        | None
    ) = None
    """Move only new rows: those above the watermark of a column, those of new `files`, or those
    after the `positions` of a queue, which is the default there.

    If a csv or jsonl file has grown, only its new rows are moved. If earlier rows of a file have
    changed, an append fails, except with `guarantee: at-least-once`.
    """
    dedupe_by: Names = ()
    """Of several rows with the same key, a merge keeps the highest in these columns of the home.

    The default is the column of `incremental`.
    """
    delete_missing: Literal["soft", "hard"] | None = None
    """A merge marks (`soft`) or deletes (`hard`) rows that are no longer in the home.

    Cannot be combined with `on_bad_row: quarantine`.
    """
    where: str | None = Field(default=None, min_length=1)
    """Move only rows that satisfy this condition, in the SQL of the home.

    For homes without SQL, in the language of `compute`: `status <> 'test' and amount > 0`.
    """
    select: Names = ()
    """Columns to move, in this order; or columns to exclude, each with a `-` in front."""
    columns: dict[str, ColumnSettings] = Field(default_factory=dict)
    """Types, new names and masks by the column's name in the home; and columns to add."""
    column_casing: Literal["source", "snake", "lower", "upper"] = "source"
    """Spelling of column names in the store."""
    metadata_columns: tuple[Literal["loaded_at", "run_id"], ...] = ()
    """Columns to add: `_hygge_loaded_at` (timestamp, UTC) and `_hygge_run_id` (string)."""
    schema_contract: Annotated[
        SchemaContract,
        BeforeValidator(
            parse_contract, json_schema_input_type=Literal["evolve", "freeze"] | SchemaContract
        ),
    ] = SchemaContract()
    """What to do if columns of home and store differ: `evolve`, `freeze` (fail), or a mapping."""
    on_empty: Literal["keep", "replace", "fail"] = "keep"
    """If a replace finds no rows in the home: `keep` the rows of the store, `replace` them, or
    `fail`."""
    max_shrink: Share | None = None
    """Fail if a replace would remove more than this share of the rows, such as `10%`."""
    on_bad_row: Literal["fail", "quarantine"] = "fail"
    """A row that fails a cast or a check: fail the move, or quarantine the row in a file."""
    max_bad_rows: Annotated[int, Field(ge=0)] = 1000
    """Maximum number of quarantined rows; more of them fail the move."""
    checks: tuple[Check, ...] = ()
    """Checks of the staged rows; if one fails, nothing is published."""
    freshness: Seconds | None = None
    """Maximum time since the last success, such as `24h`, before `hygge status` fails."""
    guarantee: Guarantee | None = None
    """The guarantee that the flow must meet; less is an error. `hygge plan` shows it."""
    keep_generations: Annotated[int, Field(ge=0, le=1000)] = 1
    """How many commits `hygge undo` can revert; with 0 no earlier rows are kept."""
    max_value_bytes: Bytes | None = None
    """Maximum size of a value, such as `200MB`; by default a quarter of `memory_limit`.

    In text files it limits a whole line. A larger value fails the move with its row and column,
    because a value is copied several times in memory. Parquet files and tables of PostgreSQL are
    checked before any value is read.
    """
    parallel: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = "auto"
    """Number of splits of an entity that are read concurrently."""
    retries: Annotated[int, Field(ge=0, le=100)] = 20
    """Maximum number of retries after a temporary error, such as a lost connection.

    The delay doubles from 1 second to 2 minutes.
    """
    retry_for: Seconds = 600.0
    """Maximum total time of these retries, such as `10m`."""
    timeout: Seconds | None = None
    """Maximum duration of a move, including its retries."""


class MoveSettings(DefaultSettings):
    """How entities move: the keys that a flow and each of its entities may set."""

    query: str | None = Field(default=None, min_length=1)
    """Move the rows of this query instead of a table's; the entity is then only a name."""
