"""Tables, views and queries behind any ODBC driver, read without what drivers change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

from hygge.connector import Ability, Home, HomeConfig, ProjectContext, ReadRequest, Source
from hygge.errors import HomeError
from hygge.sql.literals import where
from hygge.sql.names import TableName, matching, nearest, quote, readings
from hygge.sql.odb.asking import Asking, Column, DriverError, asking
from hygge.sql.odb.dialects import Dialect, dialect_of
from hygge.sql.odb.faults import fault, is_passing
from hygge.sql.odb.settings import OdbcSettings
from hygge.sql.odb.source import OdbcSource


class OdbcHomeConfig(OdbcSettings, HomeConfig, type="odbc"):
    """Reads tables, views and queries of any database that has an ODBC driver.

    The system needs unixODBC and the driver. Databases with a type of their own here are better
    read by that one: drivers change values in silence. What was seen of three drivers is got
    around, in the SELECT and by exact casts, or refused by name:

    | driver | what it does | what happens here |
    |---|---|---|
    | PostgreSQL's | `infinity`, `24:00:00`, years BC become other times | refused |
    | | zones of `timestamptz` are lost, digits of `float8` and `bool` depend on options | exact |
    | | `numeric` without a precision looks like `numeric(28,6)` | refused until in `types` |
    | MariaDB's | `bit(1)` is null, unsigned numbers wrap, digits of `float` are lost | exact |
    | | dates such as `0000-00-00` are null | refused |
    | SQLite's | numbers have 32 bits or 15 digits | exact |
    | | texts end at NUL | refused |
    | | values of another kind than their column's are null or 0 | refused |
    | | blobs longer than 255 bytes | refused |
    | any other | decimals without digits, times with a zone | refused until in `types` |

    `types` says what a column really is: `{price: 'decimal(38,10)'}`. It is then read as text and
    cast, and a value that does not fit fails the move. An entity is one SELECT, read as the
    database's own isolation has it, and never split. Every text and binary value must fit into
    `max_text_size` and `max_binary_size`; longer ones fail the move, none is cut.
    """

    can: ClassVar = frozenset({Ability.QUERY, Ability.WHERE})
    extra: ClassVar = "odbc"

    def home(self, context: ProjectContext) -> OdbcHome:
        """Return the home; connects to nothing."""
        return OdbcHome(self)


class OdbcHome(Home):
    """A database behind an ODBC driver."""

    def __init__(self, config: OdbcHomeConfig) -> None:
        self.config = config

    def check(self) -> None:
        """Connect, and ask what is there."""
        with self._asking("cannot read") as asked:
            self._sign(asked)

    def entities(self, pattern: str = "*") -> list[str]:
        """Return the tables and views that match, without their schema where it is the default."""
        with self._asking("cannot list tables") as asked:
            dialect = dialect_of(asked.dbms)
            return self._entities(asked, dialect, pattern)

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Source]:
        """Find the table, and what its columns are."""
        with self._asking(f"cannot read {request.entity}") as asked:
            dialect, sign = dialect_of(asked.dbms), self._sign(asked)
            if request.query is not None:
                from_ = f"(\n{request.query.strip().rstrip(';')}\n) q"
                columns = _columns(asked, from_, request)
            else:
                from_, columns = self._find(asked, request, dialect)
        yield OdbcSource(self.config, request, dialect, sign=sign).over(from_, columns)

    def is_transient(self, error: BaseException) -> bool:
        """Return true for lost connections, deadlocks and servers that did not answer in time."""
        return is_passing(error)

    def _find(
        self, asked: Asking, request: ReadRequest, dialect: Dialect
    ) -> tuple[str, list[Column]]:
        """Return the quoted name of a table, and its columns."""
        sign, default = self._sign(asked), self.config.schema_ or ""
        failed = None
        for name in readings(request.entity, default):
            table = ".".join(quote(part, sign) for part in (name.schema, name.name) if part)
            try:
                return table, _columns(asked, table, request)
            except DriverError as error:
                failed = failed or error
        others = self._entities(asked, dialect, "*") + self._entities(asked, dialect, "*.*")
        if failed is None or request.entity in others:
            raise failed or DriverError("", "it cannot be read")
        raise HomeError(
            f"{self.config.shown()} has no table '{request.entity}'"
            f"{nearest(request.entity, sorted(set(others)))}",
            hint="list what is there with  hygge discover; tables of a schema that this user may "
            "not use are not seen",
            code="HG506",
        ) from failed

    def _entities(self, asked: Asking, dialect: Dialect, pattern: str) -> list[str]:
        listed = asked.tables(of_database=dialect.of_database)
        found = [TableName(one.schema, one.name) for one in listed]
        default = self.config.schema_ or ""
        if not default and dialect.default_schema:
            default = asked.value(dialect.default_schema)
        return matching(found, pattern, default)

    def _sign(self, asked: Asking) -> str:
        sign = self.config.quote or asked.quote
        if not sign:
            raise HomeError(
                "the driver does not say by which sign names are quoted",
                hint="say it in the home:  quote: '\"'",
            )
        return sign

    @contextmanager
    def _asking(self, what: str) -> Iterator[Asking]:
        config = self.config
        try:
            with asking(config.text(), round(config.connect_timeout)) as asked:
                yield asked
        except DriverError as error:
            raise fault(error, f"{what} ({config.shown()})", config.secrets()) from error


def _columns(asked: Asking, from_: str, request: ReadRequest) -> list[Column]:
    nothing = replace(request, where=f"1 = 0 AND ({request.where}\n)" if request.where else "1 = 0")
    return asked.columns(f"SELECT * FROM {from_}{where(nothing.where)}")
