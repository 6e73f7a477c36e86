"""Metadata of a driver, its tables and the columns of a query, through unixODBC.

arrow-odbc reads rows but reports neither a column's native type nor a driver's quote. Sources: the
ODBC 3.8 reference (SQLGetInfo, SQLTables, SQLDescribeCol, SQLColAttribute), unixODBC's `sql.h`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from hygge.errors import HomeError

_ENVIRONMENT, _CONNECTION, _STATEMENT = 1, 2, 3
_ODBC_VERSION, _ODBC_3, _LOGIN_TIMEOUT = 200, 3, 103
_DBMS, _QUOTE, _DATABASE = 17, 29, 16
_UNSIGNED, _TYPE_NAME = 8, 14
_NO_PROMPT = 0
_FINE = (0, 1)
_NO_DATA = 100
_WIDE_CHARACTERS = 1024
_C_WIDE = -8
_Handle = ctypes.c_void_p

_FUNCTIONS = (
    "SQLAllocHandle",
    "SQLColAttributeW",
    "SQLDescribeColW",
    "SQLDisconnect",
    "SQLDriverConnectW",
    "SQLExecDirectW",
    "SQLFetch",
    "SQLFreeHandle",
    "SQLGetData",
    "SQLGetDiagRecW",
    "SQLGetInfoW",
    "SQLNumResultCols",
    "SQLSetConnectAttrW",
    "SQLSetEnvAttr",
    "SQLTablesW",
)
_FILES = ("libodbc.so.2", "libodbc.so", "libodbc.2.dylib")


class DriverError(Exception):
    """An error of the driver or driver manager; `sqlstate` is its SQLSTATE."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result, as described by the driver."""

    name: str
    type_name: str
    """The database's type name in lower case; empty where the driver reports none."""
    code: int
    """ODBC's type code."""
    size: int
    """Precision in digits, or length in characters."""
    digits: int
    """Scale, or digits of fractional seconds."""
    is_nullable: bool
    is_unsigned: bool


@dataclass(frozen=True, slots=True)
class ListedTable:
    """A table or view as the driver lists it."""

    schema: str
    name: str


class DriverConnection:
    """A connection for metadata queries, open for the length of a `with`."""

    def __init__(self, library: Any, handle: _Handle) -> None:  # noqa: ANN401
        self._library = library
        self._handle = handle

    @property
    def dbms(self) -> str:
        """Name of the database system."""
        return self._info(_DBMS)

    @property
    def quote(self) -> str:
        """Quote character of identifiers; empty where the driver has none."""
        return self._info(_QUOTE).strip()

    @property
    def database(self) -> str:
        """Name of the connected database."""
        return self._info(_DATABASE)

    def columns(self, sql: str) -> list[Column]:
        """Return the columns of a query, by running it."""
        with self._statement() as statement:
            self._run("SQLExecDirectW", statement, *_wide(sql))
            count = ctypes.c_short()
            self._run("SQLNumResultCols", statement, ctypes.byref(count))
            return [self._column(statement, number + 1) for number in range(count.value)]

    def value(self, sql: str) -> str:
        """Return the text in the first column of the first row of a query."""
        with self._statement() as statement:
            self._run("SQLExecDirectW", statement, *_wide(sql))
            self._run("SQLFetch", statement)
            return self._text(statement, 1)

    def tables(self, *, of_database: bool) -> list[ListedTable]:
        """Return all tables and views that the driver lists, except system tables.

        With `of_database` only those of the connected database: some drivers list all databases.
        """
        with self._statement() as statement:
            named = _wide(self.database) if of_database else (None, 0)
            self._run("SQLTablesW", statement, *named, None, 0, None, 0, *_wide("TABLE,VIEW"))
            found = []
            while (code := self._library.SQLFetch(statement)) in _FINE:
                found.append(ListedTable(self._text(statement, 2), self._text(statement, 3)))
            if code != _NO_DATA:
                raise self._fault(_STATEMENT, statement)
            return found

    def _info(self, kind: int) -> str:
        text, length = _buffer(), ctypes.c_short()
        code = self._library.SQLGetInfoW(
            self._handle, ctypes.c_ushort(kind), text, ctypes.c_short(len(text)), _ref(length)
        )
        return _told(text, length.value) if code in _FINE else ""

    def _column(self, statement: _Handle, number: int) -> Column:
        name, length = _buffer(), ctypes.c_short()
        code, size = ctypes.c_short(), ctypes.c_size_t()
        digits, nullable = ctypes.c_short(), ctypes.c_short()
        index = ctypes.c_ushort(number)
        out = map(_ref, (length, code, size, digits, nullable))
        room = ctypes.c_short(_WIDE_CHARACTERS)
        self._run("SQLDescribeColW", statement, index, name, room, *out)
        type_name, unsigned = _buffer(), ctypes.c_ssize_t()
        self._ask_column(statement, (index, _TYPE_NAME), type_name, _ref(ctypes.c_ssize_t()))
        self._ask_column(statement, (index, _UNSIGNED), None, _ref(unsigned))
        return Column(
            # Some drivers report a name's length in bytes, not characters, so zeros follow.
            _until_zero(name),
            _until_zero(type_name).lower(),
            code.value,
            size.value,
            digits.value,
            nullable.value != 0,
            unsigned.value == 1,
        )

    def _ask_column(
        self, statement: _Handle, what: tuple[object, int], text: object, number: object
    ) -> None:
        index, kind = what
        room = ctypes.c_short(0 if text is None else 2 * _WIDE_CHARACTERS)
        length = _ref(ctypes.c_short())
        asked = ctypes.c_ushort(kind)
        self._run("SQLColAttributeW", statement, index, asked, text, room, length, number)

    def _text(self, statement: _Handle, column: int) -> str:
        text, length = _buffer(), ctypes.c_ssize_t()
        index, kind = ctypes.c_ushort(column), ctypes.c_short(_C_WIDE)
        room = ctypes.c_ssize_t(len(text))
        self._run("SQLGetData", statement, index, kind, text, room, _ref(length))
        return "" if length.value < 0 else _until_zero(text)

    @contextmanager
    def _statement(self) -> Iterator[_Handle]:
        statement = _Handle()
        self._library.SQLAllocHandle(
            ctypes.c_short(_STATEMENT), self._handle, ctypes.byref(statement)
        )
        try:
            yield statement
        finally:
            self._library.SQLFreeHandle(ctypes.c_short(_STATEMENT), statement)

    def _run(self, function: str, statement: _Handle, *arguments: Any) -> None:  # noqa: ANN401
        if getattr(self._library, function)(statement, *arguments) not in _FINE:
            raise self._fault(_STATEMENT, statement)

    def _fault(self, kind: int, handle: _Handle) -> DriverError:
        return _diagnosis(self._library, kind, handle)


@contextmanager
def connect(connection: str, login_seconds: int) -> Iterator[DriverConnection]:
    """Connect for metadata queries; raises `DriverError`."""
    library, environment = _library(), _environment()
    handle = _Handle()
    library.SQLAllocHandle(ctypes.c_short(_CONNECTION), environment, ctypes.byref(handle))
    try:
        seconds = ctypes.c_void_p(login_seconds)
        library.SQLSetConnectAttrW(handle, ctypes.c_int(_LOGIN_TIMEOUT), seconds, ctypes.c_int(0))
        text, length = _wide(connection)
        no_answer = (None, ctypes.c_short(0), None, ctypes.c_ushort(_NO_PROMPT))
        if library.SQLDriverConnectW(handle, None, text, length, *no_answer) not in _FINE:
            raise _diagnosis(library, _CONNECTION, handle)
        try:
            yield DriverConnection(library, handle)
        finally:
            library.SQLDisconnect(handle)
    finally:
        library.SQLFreeHandle(ctypes.c_short(_CONNECTION), handle)


@cache
def _library() -> Any:  # noqa: ANN401
    """Return unixODBC; raises `HomeError` where the system has none."""
    for name in _FILES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        for function in _FUNCTIONS:
            getattr(library, function).restype = ctypes.c_short
        return library
    raise HomeError(
        "the ODBC driver manager, unixODBC, is not installed",
        hint="on Debian and Ubuntu:  apt install unixodbc  and a driver, such as odbc-postgresql, "
        "odbc-mariadb or tdsodbc",
    )


@cache
def _environment() -> _Handle:
    library, environment = _library(), _Handle()
    library.SQLAllocHandle(ctypes.c_short(_ENVIRONMENT), None, ctypes.byref(environment))
    version = ctypes.c_void_p(_ODBC_3)
    library.SQLSetEnvAttr(environment, ctypes.c_int(_ODBC_VERSION), version, ctypes.c_int(0))
    return environment


def _diagnosis(library: Any, kind: int, handle: _Handle) -> DriverError:  # noqa: ANN401
    state, text, length = ctypes.create_string_buffer(16), _buffer(), ctypes.c_short()
    code = library.SQLGetDiagRecW(
        ctypes.c_short(kind),
        handle,
        ctypes.c_short(1),
        state,
        _ref(ctypes.c_int()),
        text,
        ctypes.c_short(_WIDE_CHARACTERS),
        _ref(length),
    )
    if code not in _FINE:
        return DriverError("", "the driver gives no reason")
    return DriverError(_until_zero(state), _until_zero(text))


def _wide(text: str) -> tuple[Any, ctypes.c_int]:
    data = text.encode("utf-16-le")
    return ctypes.create_string_buffer(data + b"\0\0"), ctypes.c_int(len(data) // 2)


def _buffer() -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(2 * _WIDE_CHARACTERS)


def _told(text: ctypes.Array[ctypes.c_char], length: int) -> str:
    return text.raw[:length].decode("utf-16-le", "replace").partition("\0")[0]


def _until_zero(text: ctypes.Array[ctypes.c_char]) -> str:
    return _told(text, len(text))


def _ref(value: Any) -> Any:  # noqa: ANN401
    return ctypes.byref(value)
