"""A database behind an ODBC driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hygge.connector import Home, ReadRequest, Source
from hygge.connectors.odbc.config import OdbcSettings
from hygge.connectors.odbc.dialects import Dialect, dialect_of
from hygge.connectors.odbc.driver import Column, DriverConnection, DriverError, connect
from hygge.connectors.odbc.faults import fault, is_passing
from hygge.connectors.odbc.source import OdbcSource
from hygge.connectors.sql.range_condition import where
from hygge.connectors.sql.table_names import TableName, matching, nearest, quote, readings
from hygge.errors import HomeError


class OdbcHome(Home):
    """A database behind an ODBC driver."""

    def __init__(self, config: OdbcSettings) -> None:
        self.config = config

    def check(self) -> None:
        """Connect and list tables."""
        with self._asking("cannot read") as asked:
            self._sign(asked)

    def entities(self, pattern: str = "*") -> list[str]:
        """Return the matching tables and views, without their schema where it is the default."""
        with self._asking("cannot list tables") as asked:
            dialect = dialect_of(asked.dbms)
            return self._entities(asked, dialect, pattern)

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Source]:
        """Find the table and its columns."""
        with self._asking(f"cannot read {request.entity}") as asked:
            dialect, sign = dialect_of(asked.dbms), self._sign(asked)
            if request.query is not None:
                from_ = f"(\n{request.query.strip().rstrip(';')}\n) q"
                columns = _columns(asked, from_, request)
            else:
                from_, columns = self._find(asked, request, dialect)
        yield OdbcSource(self.config, request, dialect, sign=sign).over(from_, columns)

    def retry_after(self, error: BaseException) -> float | None:
        """Return 0.0 for lost connections, deadlocks and servers that did not answer in time."""
        return 0.0 if is_passing(error) else None

    def _find(
        self, asked: DriverConnection, request: ReadRequest, dialect: Dialect
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
            raise failed or DriverError("", "not readable")
        raise HomeError(
            f"{self.config.shown()} has no table '{request.entity}'"
            f"{nearest(request.entity, sorted(set(others)))}",
            hint="to list the tables:  hygge discover HOME; tables of a schema without USAGE for "
            "this user are not shown",
            code="HG506",
        ) from failed

    def _entities(self, asked: DriverConnection, dialect: Dialect, pattern: str) -> list[str]:
        listed = asked.tables(of_database=dialect.of_database)
        found = [TableName(one.schema, one.name) for one in listed]
        default = self.config.schema_ or ""
        if not default and dialect.default_schema:
            default = asked.value(dialect.default_schema)
        return matching(found, pattern, default)

    def _sign(self, asked: DriverConnection) -> str:
        sign = self.config.quote or asked.quote
        if not sign:
            raise HomeError(
                "the driver does not report the quote character for names",
                hint="set it in the home:  quote: '\"'",
            )
        return sign

    @contextmanager
    def _asking(self, what: str) -> Iterator[DriverConnection]:
        config = self.config
        try:
            with connect(config.text(), round(config.connect_timeout)) as asked:
                yield asked
        except DriverError as error:
            raise fault(error, f"{what} ({config.shown()})", config.secrets()) from error


def _columns(asked: DriverConnection, from_: str, request: ReadRequest) -> list[Column]:
    return asked.columns(f"SELECT * FROM {from_}{where('1 = 0', request.where)}")
