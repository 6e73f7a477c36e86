"""Known defects of drivers that change values, and their workarounds.

Measured with psqlODBC 13.02, MariaDB Connector/ODBC 3.1.15 and SQLite ODBC 0.9998; see
docs/decisions/0050-drivers-that-change-values.md. Any other driver is expected to follow the
standard.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hygge.connectors.odbc import column_rules
from hygge.connectors.odbc.column_rules import Rule
from hygge.connectors.odbc.driver import Column
from hygge.connectors.sql.column_reading import ColumnReading, UnsafeError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Dialect:
    """The specifics of a database behind its driver."""

    rule: Rule = column_rules.plain
    """How a column is read, by its type."""
    text: str = "{}"
    """SQL that casts a column to its exact text."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Default connection options, needed to stream rows."""
    long_text_option: str | None = None
    """Name of the option for the maximum text length."""
    default_schema: str | None = None
    """SQL that returns the default schema."""
    of_database: bool = False
    """Whether the driver lists tables of all databases by default."""
    float_text: str | None = None
    """SQL for the exact text of a float, where `text` does not give it."""
    odd_text: str | None = None
    """SQL condition for texts that the driver truncates."""

    def declared(self, column: Column, quoted: str, kind: pa.DataType) -> ColumnReading:
        """Return how a column is read as the type given in `types`."""
        import pyarrow as pa

        if pa.types.is_binary(kind):
            return column_rules.declared(column, quoted, kind)
        is_float = pa.types.is_floating(kind) and self.float_text is not None
        text = self.float_text if is_float and self.float_text else self.text
        odd = self.odd_text and self.odd_text.format(quoted)
        return column_rules.declared(column, text.format(quoted), kind, odd)


def _psqlodbc(column: Column, quoted: str) -> ColumnReading:
    """psqlODBC converts infinity to today and loses time zones and digits of unbounded numbers."""
    import pyarrow as pa

    name, text = column.type_name, f"CAST({quoted} AS varchar)"
    if name == "bool":
        kind = column_rules.field(column, pa.bool_())
        return ColumnReading(f"CAST({quoted} AS int)", pa.int64(), kind)
    if name == "numeric":
        if (column.size, column.digits) == (28, 6):
            raise UnsafeError("the driver reports every numeric without precision as numeric(28,6)")
        return column_rules.decimal(column, text)
    kinds = {
        "date": pa.date32(),
        "time": pa.time64("us"),
        "timestamp": pa.timestamp("us"),
        "timestamp without time zone": pa.timestamp("us"),
    }
    if name in kinds:
        return ColumnReading(text, pa.string(), column_rules.field(column, kinds[name]))
    if name == "timestamptz":
        sql = f"CAST({quoted} AT TIME ZONE 'UTC' AS varchar)"
        return ColumnReading(
            sql, pa.string(), column_rules.field(column, pa.timestamp("us", "UTC"))
        )
    if name in _KEPT:
        return column_rules.plain(column, quoted)
    return ColumnReading(
        f"CAST({quoted} AS text)", pa.string(), column_rules.field(column, pa.string())
    )


_KEPT = ("int2", "int4", "int8", "float4", "float8", "text", "varchar", "bpchar", "bytea")


def _mariadb_odbc(column: Column, quoted: str) -> ColumnReading:
    """MariaDB's driver reads bit(1) and dates of year 0 as null, and truncates texts of times."""
    import pyarrow as pa

    name, text = column.type_name, f"CAST({quoted} AS CHAR)"
    if column.code == column_rules.BIT:
        sql = f"CAST({quoted} AS UNSIGNED)"
        return ColumnReading(sql, pa.int64(), column_rules.field(column, pa.bool_()))
    if name == "timestamp":
        sql = f"CAST(UNIX_TIMESTAMP({quoted}) * 1000000 AS SIGNED)"
        kind = column_rules.field(column, pa.timestamp("us", "UTC"))
        return ColumnReading(sql, pa.int64(), kind, is_odd=f"{quoted} = 0")
    kinds = {"date": pa.date32(), "time": pa.time64("us"), "datetime": pa.timestamp("us")}
    if name in kinds:
        return ColumnReading(text, pa.string(), column_rules.field(column, kinds[name]))
    return column_rules.plain(column, quoted)


_EXACT_FLOAT = "CASE WHEN {0} IS NOT NULL THEN printf('%!.20e', {0}) END"
_LONG = 255
"""Below this length the driver trusts the declared length, which SQLite does not enforce."""


def _sqlite_odbc(column: Column, quoted: str) -> ColumnReading:
    """SQLite's driver truncates integers, floats and texts; a column may hold any value."""
    import pyarrow as pa

    text = quoted if column.size >= _LONG else f"CAST({quoted} AS TEXT)"
    families = {
        "whole": (quoted, pa.int64(), pa.int64(), "'integer'"),
        "float": (_EXACT_FLOAT.format(quoted), pa.string(), pa.float64(), "'real', 'integer'"),
        "bytes": (quoted, pa.binary(), pa.binary(), "'blob'"),
        "truth": (quoted, pa.int64(), pa.bool_(), "'integer'"),
        "text": (text, pa.string(), pa.string(), "'text'"),
    }
    family = _family(column.type_name, column.code)
    sql, bound, kind, fits = families[family]
    odd = f"typeof({quoted}) NOT IN ({fits}, 'null')"
    if family == "text":
        odd = f"({odd} OR instr({quoted}, char(0)) > 0)"
    return ColumnReading(sql, bound, column_rules.field(column, kind), is_odd=odd)


def _family(name: str, code: int) -> str:
    """Return the affinity of a declared type, by SQLite's rules (datatype3.html, 3.1)."""
    if "bool" in name:
        return "truth"
    if "int" in name:
        return "whole"
    if any(word in name for word in ("real", "floa", "doub")):
        return "float"
    if any(word in name for word in ("char", "clob", "text")):
        return "text"
    if "blob" in name or code in column_rules.BYTES:
        return "bytes"
    if "date" in name or "time" in name:
        return "text"
    raise UnsafeError(f"a column declared as {name or 'nothing'} may hold values of any type")


_KNOWN = (
    (
        "postgresql.*",
        Dialect(
            _psqlodbc,
            text="CAST({} AS text)",
            options={"UseDeclareFetch": "1", "Fetch": "5000"},
            long_text_option="MaxLongVarcharSize",
            default_schema="SELECT CAST(current_schema() AS varchar) AS s",
        ),
    ),
    (
        "(mariadb|mysql).*",
        Dialect(
            _mariadb_odbc,
            text="CAST({} AS CHAR)",
            options={"FORWARDONLY": "1", "NO_CACHE": "1", "STREAMRESULT": "1"},
            of_database=True,
        ),
    ),
    (
        "sqlite.*",
        Dialect(
            _sqlite_odbc,
            text="CAST({} AS TEXT)",
            float_text=_EXACT_FLOAT,
            odd_text="instr({}, char(0)) > 0",
        ),
    ),
)
"""By a pattern of the database name that the driver reports."""


def dialect_of(dbms: str) -> Dialect:
    """Return the dialect for the database name that a driver reports."""
    found = (known for names, known in _KNOWN if re.fullmatch(names, dbms.lower()))
    return next(found, Dialect())
