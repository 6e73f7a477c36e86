"""How a project says which ODBC driver, and what its columns really are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from hygge.connector import Ability, ConnectorConfig, Home, HomeConfig, ProjectContext
from hygge.settings.move import Bytes, Seconds
from hygge.types.type_names import TypeName

if TYPE_CHECKING:
    from hygge.connectors.odbc.dialects import Dialect

_PART = re.compile(r"\s*([^=;]+?)\s*=\s*(\{(?:[^}]|\}\})*\}|[^;]*)\s*(?:;|$)")
_NEEDS_BRACES = re.compile(r"[\[\]{}(),;?*=!@]|^\s|\s$")


class OdbcSettings(ConnectorConfig):
    """What a connection through an ODBC driver needs."""

    drivers: ClassVar = ("arrow_odbc",)
    aliases: ClassVar = (
        "oracle",
        "db2",
        "snowflake",
        "teradata",
        "informix",
        "hana",
        "firebird",
        "access",
        "vertica",
        "netezza",
        "databricks",
        "sybase",
    )
    libraries: ClassVar = {"libodbc.so.2": "unixodbc"}

    connection: SecretStr | None = None
    """The connection string: `Driver={PostgreSQL Unicode};Server=…;Database=…`."""
    dsn: Annotated[str, Field(min_length=1)] | None = None
    """Name of a data source in the `odbc.ini` of the system, instead of `connection`."""
    user: Annotated[str, Field(min_length=1)] | None = None
    """User name; added to the connection string as UID."""
    password: SecretStr | None = None
    """Password: `${DB_PASSWORD}`; added to the connection string as PWD."""
    schema_: Annotated[str | None, Field(alias="schema", min_length=1)] = None
    """Schema of tables without one in their name; by default that of the connection."""
    types: dict[str, TypeName] = Field(default_factory=dict)
    """Types of columns that the driver reports wrongly or not at all, by column name, in all
    tables. They are read as text and cast; a value that does not fit fails the move."""
    quote: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """Quote character for names; by default the one that the driver reports."""
    max_text_size: Annotated[Bytes, Field(le=2**30)] = 2**16
    """Maximum bytes of a text value; a longer one fails the move. This much memory is reserved."""
    max_binary_size: Annotated[Bytes, Field(le=2**30)] = 2**16
    """Maximum bytes of a binary value; as for `max_text_size`."""
    batch_rows: Annotated[int, Field(ge=1, le=65535)] = 65535
    """Maximum number of rows fetched at once; fewer if rows are wide."""
    connect_timeout: Seconds = 10.0
    """Maximum time to connect; not all drivers support it."""
    statement_timeout: Seconds | None = None
    """Maximum time until the first row; unlimited by default. Not all drivers support it."""

    @field_validator("connection")
    @classmethod
    def _is_string(cls, text: SecretStr | None) -> SecretStr | None:
        if text is not None:
            rest = _PART.sub("", text.get_secret_value())
            if rest.strip(" ;") or not _parts(text.get_secret_value()):
                raise ValueError("write a connection string as  Name=value;Name=value;…")
        return text

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if (self.connection is None) == (self.dsn is None):
            raise ValueError("set `connection` or `dsn`")
        return self

    def parts(self) -> dict[str, str]:
        """Return what the connection string says, by its keys in lower case, with the secrets."""
        return _parts(self.connection.get_secret_value() if self.connection else "")

    def text(self, dialect: Dialect | None = None) -> str:
        """Return the connection string, with the password. Never for people's eyes.

        What the dialect needs is added unless the project says otherwise.
        """
        text = self.connection.get_secret_value().rstrip("; ") if self.connection else ""
        said, own = self.parts(), {"DSN": self.dsn, "UID": self.user}
        own["PWD"] = self.password.get_secret_value() if self.password else None
        if dialect is not None:
            own.update(dialect.options)
            if dialect.long_text_option:
                own[dialect.long_text_option] = str(self.max_text_size)
        added = [
            f"{key}={_braced(value)}"
            for key, value in own.items()
            if value is not None and (key.lower() not in said or key == "PWD")
        ]
        return ";".join([*([text] if text else []), *added]) + ";"

    def shown(self) -> str:
        """Return the place for messages: without the password, the user and what hides them."""
        said = self.parts()
        parts = [said[key] for key in ("server", "servername", "host", "database", "dsn")
                if key in said]  # fmt: skip
        return self.dsn or "/".join(parts) or said.get("driver", "the data source")

    def secrets(self) -> list[str]:
        """Return the texts that no message may hold."""
        said = self.parts()
        found = [said[key] for key in ("pwd", "password") if said.get(key)]
        return [*found, *([self.password.get_secret_value()] if self.password else [])]


def _parts(text: str) -> dict[str, str]:
    found = {}
    for key, written in _PART.findall(text):
        value = written.strip()
        is_braced = value.startswith("{") and value.endswith("}")
        found[key.lower()] = value[1:-1].replace("}}", "}") if is_braced else value
    return found


def _braced(value: str) -> str:
    return "{" + value.replace("}", "}}") + "}" if _NEEDS_BRACES.search(value) else value


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

    def home(self, context: ProjectContext) -> Home:
        """Return the home; connects to nothing."""
        from hygge.connectors.odbc.home import OdbcHome

        return OdbcHome(self)
