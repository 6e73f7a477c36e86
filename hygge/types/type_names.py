"""Type names in YAML: checked without pyarrow, then converted to its types.

The names are Arrow's own, as `pyarrow.DataType` prints them where that is readable:
`int64`, `decimal(18,4)`, `timestamp`, `timestamp(ms)`, `timestamp(us, UTC)`, `list(int64)`.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, WithJsonSchema

if TYPE_CHECKING:
    import pyarrow as pa

NATIVE_TYPE = b"hygge.type"
"""Metadata key of an Arrow field for the database's own name of the column's type."""

_PLAIN = {
    "bool": "bool_",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "uint64": "uint64",
    "float32": "float32",
    "float64": "float64",
    "string": "string",
    "binary": "binary",
    "date": "date32",
}
_ELSEWHERE = {
    **dict.fromkeys(("double", "float", "real", "float8", "double precision"), "float64"),
    "float4": "float32",
    **dict.fromkeys(("int", "integer", "bigint", "long", "bigserial", "unsigned int"), "int64"),
    **dict.fromkeys(("serial", "int4", "mediumint"), "int32"),
    **dict.fromkeys(("smallint", "int2", "short", "smallserial"), "int16"),
    **dict.fromkeys(("tinyint", "byte"), "int8"),
    "unsigned bigint": "uint64",
    **dict.fromkeys(("str", "text", "varchar", "large_string", "utf8", "nvarchar"), "string"),
    **dict.fromkeys(("char", "nchar", "character", "character varying", "clob", "uuid"), "string"),
    **dict.fromkeys(("tinytext", "mediumtext", "longtext", "json", "jsonb", "object"), "string"),
    **dict.fromkeys(("bytes", "large_binary", "blob", "bytea", "varbinary", "longblob"), "binary"),
    **dict.fromkeys(("boolean", "bit"), "bool"),
    **dict.fromkeys(("datetime", "datetime2", "smalldatetime", "timestamp_ntz"), "timestamp"),
    "timestamp without time zone": "timestamp",
    **dict.fromkeys(("timestamptz", "timestamp with time zone"), "timestamp(us,UTC)"),
    **dict.fromkeys(("datetimeoffset", "timestamp_tz", "timestamp_ltz"), "timestamp(us,UTC)"),
    **{f"timestamp_{unit}": f"timestamp({unit})" for unit in ("s", "ms", "us", "ns")},
    **dict.fromkeys(("decimal", "numeric", "number", "dec"), "decimal(38,9)"),
    **dict.fromkeys(("money", "smallmoney"), "decimal(19,4)"),
}
"""Other names of types, in Arrow and in databases, and the names here."""
_SIZED = r"\b([a-z]\w*(?: varying)?)\((?:\d+|max)\)"
"""A type with a length or precision that has no meaning here."""
_WORDS = r"[A-Za-z]\w*(?: (?:precision|varying|bigint|int|with time zone|without time zone))?"
_UNITS = ("s", "ms", "us", "ns")
_DECIMAL = re.compile(r"decimal\(([0-9][0-9]?),(-?[0-9][0-9]?)\)")
_TIMESTAMP = re.compile(r"timestamp(?:\((s|ms|us|ns)(?:,([A-Za-z0-9_/+:-]+))?\))?")
_TIME = re.compile(r"time(?:\((s|ms|us|ns)\))?")
_LIST = re.compile(r"list\((.+)\)")

LONGEST = 255
"""Maximum characters of a type name, which limits the nesting of lists."""
EXAMPLES = (
    "bool, int8 … int64, uint8 … uint64, float32, float64, decimal(18,4), string, binary, "
    "date, time, timestamp, timestamp(ms), timestamp(us,UTC), list(int64)"
)


def check_type(text: str) -> str:
    """Return `text` without spaces; raise `ValueError` with examples when it names no type."""
    name = re.sub(r" *([(),]) *", r"\1", text.strip(" "))
    is_short = len(text) <= LONGEST
    if not is_short or not _is_type(name):
        meant = is_short and _own_name(name)
        raise ValueError(f"no such type{meant and f', write {meant}'}; types are {EXAMPLES}")
    return name


def _own_name(name: str) -> str:
    """Return the name used here for a type of Arrow or a database, or an empty string."""
    text = name.translate(str.maketrans("[<]>", "(())")).replace("tz=", "")
    text = re.sub(r"\((?:element|item): ?", "(", text)
    text = re.sub(r"\b(date32|date64)(\(\w+\))?", "date", text)
    text = re.sub(r"\b(time|decimal)(32|64|128|256)\b", r"\1", text)
    text = re.sub(r"\b(numeric|number|dec)(?=\()", "decimal", text, flags=re.IGNORECASE)
    text = re.sub(r"\bdecimal\((\d+)\)", r"decimal(\1,0)", text, flags=re.IGNORECASE)
    text = re.sub(r"\barray\(", "list(", text, flags=re.IGNORECASE)
    text = re.sub(_SIZED, r"\1", text, flags=re.IGNORECASE)
    text = re.sub(_WORDS, _own_word, text)
    if _is_type(text):
        return text
    near = get_close_matches(text, [*_PLAIN, "timestamp", "time"], n=1)
    return near[0] if near else ""


def _own_word(found: re.Match[str]) -> str:
    """Return the word used here for a word of Arrow or a database, in lower case."""
    word = found[0].lower()
    if found.string[found.end() : found.end() + 1] == "(" and word == "decimal":
        return word
    own = word if _is_type(word) or word == "list" else found[0]
    return _ELSEWHERE.get(word, own)


def _is_type(name: str) -> bool:
    if name in _PLAIN or _TIMESTAMP.fullmatch(name) or _TIME.fullmatch(name):
        return True
    if match := _DECIMAL.fullmatch(name):
        precision, scale = int(match[1]), int(match[2])
        return 1 <= precision <= 76 and scale <= precision
    match = _LIST.fullmatch(name)
    return match is not None and _is_type(match[1])


def _pattern() -> str:
    """Return the types as one regular expression for editors; it cannot match nested brackets."""
    leaves = [*_PLAIN, *(one.pattern for one in (_DECIMAL, _TIMESTAMP, _TIME))]
    types = "|".join(leaf.replace(",", " *, *") for leaf in leaves)
    types = types.replace(r"\(", r" *\( *").replace(r"\)", r" *\)")
    return r"^ *(list *\( *)*(" + types + r")( *\))* *$"


TypeName = Annotated[
    str,
    AfterValidator(check_type),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": LONGEST,
            "pattern": _pattern(),
            "examples": EXAMPLES.split(", "),
        }
    ),
]
"""A pydantic field with the name of a type."""


def arrow_type(name: str) -> pa.DataType:
    """Return the Arrow type of a checked name.

    `timestamp` and `time` without a unit are in microseconds; a timestamp without a zone is naive.
    """
    import pyarrow as pa

    if name in _PLAIN:
        return getattr(pa, _PLAIN[name])()
    if match := _DECIMAL.fullmatch(name):
        precision, scale = int(match[1]), int(match[2])
        make = pa.decimal128 if precision <= 38 else pa.decimal256
        return make(precision, scale)
    if match := _TIMESTAMP.fullmatch(name):
        return pa.timestamp(match[1] or "us", tz=match[2])
    if match := _TIME.fullmatch(name):
        unit = match[1] or "us"
        return pa.time32(unit) if unit in _UNITS[:2] else pa.time64(unit)
    if match := _LIST.fullmatch(name):
        return pa.list_(arrow_type(match[1]))
    raise ValueError(f"no such type '{name}'; types are {EXAMPLES}")
