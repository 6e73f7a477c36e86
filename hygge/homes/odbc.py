"""Tables, views and queries behind any ODBC driver, read without what drivers change."""

from __future__ import annotations

from typing import ClassVar

from hygge.connector import Ability, Home, HomeConfig, ProjectContext
from hygge.sql.odb.settings import OdbcSettings


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
        from hygge.sql.odb.home import OdbcHome

        return OdbcHome(self)
