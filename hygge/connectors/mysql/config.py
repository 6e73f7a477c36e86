"""Who may come into a MySQL or MariaDB server, and how: what its home and store say alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import model_validator

from hygge.connector import Ability, Home, ProjectContext, Store
from hygge.connectors.sql.server_config import ServerHomeConfig, ServerSettings, ServerStoreConfig
from hygge.connectors.sql.store_options import ReplaceMethod
from hygge.connectors.sql.table_names import readings, refuse_table
from hygge.connectors.sql.zones import Zone
from hygge.settings.move import Seconds

if TYPE_CHECKING:
    import pyarrow as pa

IDLE_SECONDS = 3600
"""How long the server keeps a session that asks nothing."""
HELD_SECONDS = 300
"""The same for a session that holds the lock of a table: hygge asks something every minute."""
_SEND_SECONDS = 3600
"""How long the server waits to send rows: a store that is slow to write stops the reading."""
_RECEIVE_SECONDS = 600
"""How long it waits for bytes of a statement, all of which are in memory when it begins."""
LOCK_SECONDS = 30
_MODES = (
    "STRICT_ALL_TABLES",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "NO_AUTO_VALUE_ON_ZERO",
    "NO_ENGINE_SUBSTITUTION",
)
"""Without the first the server cuts and wraps values silently; without NO_AUTO_VALUE_ON_ZERO it
turns a 0 into the next number of the table."""
_SESSION = {
    "sql_mode": f"'{','.join(_MODES)}'",
    "time_zone": "'+00:00'",
    "wait_timeout": str(IDLE_SECONDS),
    "net_read_timeout": str(_RECEIVE_SECONDS),
    "net_write_timeout": str(_SEND_SECONDS),
    "lock_wait_timeout": str(LOCK_SECONDS),
    "innodb_lock_wait_timeout": str(LOCK_SECONDS),
    "sql_safe_updates": "0",
    "sql_select_limit": "DEFAULT",
    "foreign_key_checks": "1",
    "unique_checks": "1",
}
"""What every session sets, so that values and statements mean the same on every server."""
_EXPECTED = {
    "sql_mode": ",".join(_MODES),
    "time_zone": "+00:00",
    "foreign_key_checks": "ON",
    "autocommit": "ON",
    "character_set_client": "utf8mb4",
    "character_set_connection": "utf8mb4",
    "character_set_results": "utf8mb4",
    "transaction_isolation": "REPEATABLE-READ",
    "tx_isolation": "REPEATABLE-READ",
}
"""What must be read back; servers know one of the last two names, or both."""
READ_BACK = (
    "SHOW SESSION VARIABLES WHERE Variable_name IN ("
    + ", ".join(f"'{name}'" for name in _EXPECTED)
    + ")"
)
_OPTIONS = frozenset({"ssl", "ssl_ca", "charset"})

SslMode = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]


_LONGEST_NAME = 64


def refuse_name(name: str) -> str | None:
    """Return what is wrong with the name of a table or column; None when nothing is."""
    if len(name) > _LONGEST_NAME or name.endswith(" ") or any(ord(c) > 0xFFFF for c in name):
        return (
            f"a name may have at most {_LONGEST_NAME} characters, and no trailing spaces or "
            "characters beyond U+FFFF"
        )
    return None


class MysqlSettings(ServerSettings):
    """What homes and stores of MySQL and MariaDB say alike."""

    default_port: ClassVar = 3306
    aliases: ClassVar = ("mariadb", "maria", "percona")
    drivers: ClassVar = ("pymysql", "numpy")

    ssl: SslMode | None = None
    """TLS mode of the connection. The default is `verify-full`, for this machine `prefer`."""
    ssl_ca: str | None = None
    """File of the trusted certificate authorities; by default those of the system."""

    read_timeout: Seconds = 60.0
    """Maximum time without data while a response is expected. hygge then asks the server over
    another connection whether the statement is running. If it is, hygge keeps waiting; otherwise it
    closes the connection and retries the move."""

    @model_validator(mode="after")
    def _knows_options(self) -> Self:
        unknown = sorted(set(self.endpoint().options) - _OPTIONS)
        if unknown:
            raise ValueError("the url has unknown options; known ones: ssl, ssl_ca")
        if self.endpoint().database is None:
            raise ValueError("set `database` or `url` that ends in it")
        return self

    def urls(self, name: str) -> list[str]:
        """Return the tables that `name` may mean; see `ServerSettings.urls`."""
        endpoint = self.endpoint()
        server = f"{endpoint.host or 'localhost'}:{endpoint.port}"
        found = readings(name, endpoint.database or "")
        return [f"{self.schemes[0]}://{server}/{table.schema}/{table.name}" for table in found]

    def connecting(self) -> dict[str, Any]:
        """Return what the driver wants to know, with the password. Never for people's eyes."""
        endpoint = self.endpoint()
        host = endpoint.host or "localhost"
        where = {"unix_socket": host} if host.startswith("/") else {"host": host}
        return {
            **where,
            **self._security(),
            "port": endpoint.port,
            "user": endpoint.user,
            "password": endpoint.password or "",
            "database": endpoint.database,
            "charset": "utf8mb4",
            "autocommit": True,
            "defer_connect": True,
            "connect_timeout": max(round(self.connect_timeout), 1),
            "program_name": "hygge",
            "init_command": "SET SESSION "
            + ", ".join(f"{name} = {value}" for name, value in _SESSION.items()),
        }

    def ssl_mode(self) -> SslMode:
        """Return how far the connection is secured."""
        endpoint = self.endpoint()
        said: Any = self.ssl or endpoint.options.get("ssl")
        return said or ("prefer" if endpoint.is_local else "verify-full")

    def _security(self) -> dict[str, Any]:
        import ssl as tls

        mode = self.ssl_mode()
        is_socket = (self.endpoint().host or "").startswith("/")
        if mode == "disable" or is_socket:
            return {"ssl_disabled": True}
        if mode == "prefer":
            # Without a word about it the driver encrypts where the server can.
            return {}
        authorities = self.ssl_ca or self.endpoint().options.get("ssl_ca")
        try:
            context = tls.create_default_context(cafile=authorities)
        except OSError as error:
            raise OSError(f"ssl_ca '{authorities}' cannot be read: {error}") from error
        context.check_hostname = mode == "verify-full"
        context.verify_mode = tls.CERT_NONE if mode == "require" else tls.CERT_REQUIRED
        return {"ssl": context}


def difference(found: Iterable[tuple[str, str]]) -> str | None:
    """Return which setting of a session is not as it was set; None when all are."""
    for name, value in found:
        wanted = _EXPECTED.get(name.lower(), value)
        # The server has an order of its own for modes.
        if {one.upper() for one in value.split(",")} != {one.upper() for one in wanted.split(",")}:
            return f"{name} of the session is {value or 'empty'}, not {wanted}"
    return None


class MysqlHomeConfig(MysqlSettings, ServerHomeConfig, type="mysql"):
    """Reads tables, views and queries of MySQL and MariaDB, each under one snapshot.

    A large InnoDB table whose primary key begins with an integer is read over several connections,
    with `parallel: 1` over one. They see the same rows, because the table is locked for a few
    milliseconds while they start; hygge waits for the lock for at most one second. This needs the
    LOCK TABLES privilege. If the lock is not available, the log says why only one connection is
    used.
    """

    can: ClassVar = frozenset({Ability.QUERY, Ability.WHERE})
    extra: ClassVar = "mysql"
    schemes: ClassVar = ("mysql", "mariadb")

    time_zone: Zone | None = None
    """Time zone of timestamps without one. With it, new rows by such a watermark column are moved
    at once; without it, they wait for UTC or the time zone of the server, whichever is later."""

    def home(self, context: ProjectContext) -> Home:
        """Return the home; connects to nothing."""
        from hygge.connectors.mysql.home import MysqlHome

        return MysqlHome(self, self.time_zone)


class MysqlStoreConfig(MysqlSettings, ServerStoreConfig, type="mysql"):
    """Writes InnoDB tables of MySQL and MariaDB, each published atomically.

    Tables that hygge creates have the collation `utf8mb4_nopad_bin` (MariaDB) or `utf8mb4_0900_bin`
    (MySQL 8.0.17 and newer), which compares every byte: `'abc'` and `'abc '` are different keys.
    Text becomes `longtext`, because a home does not report its maximum length; text of a key
    becomes `varchar` of the maximum length of an index, at most 768 characters. For other types,
    create the table yourself: hygge keeps them, and a value that is too long is an error.

    A merge compares texts of the key byte by byte, whatever the collation. A unique key that treats
    two of them as equal fails the merge. A merge is fast where the key has an index in the
    table.
    """

    extra: ClassVar = "mysql"
    schemes: ClassVar = ("mysql", "mariadb")

    replace: ReplaceMethod = "auto"
    """How a replace writes: `swap` creates a new table, `keep` replaces only the rows and keeps
    triggers, keys and indexes; `auto` swaps if nothing would be lost."""
    bulk: Literal["auto", "insert"] = "auto"
    """How rows are loaded: by LOAD DATA LOCAL if the server allows it, or always by INSERT, for
    proxies that do not support LOAD DATA."""

    @classmethod
    def held_as(cls, field: pa.Field) -> tuple[pa.Field, str] | None:
        """Return the column that holds `field`; see `StoreConfig.held_as`."""
        from hygge.connectors.mysql import types

        return types.held_as(field)

    def refuse_name(self, into: str) -> str | None:
        """Return why no table can be called `into`; see `StoreConfig.refuse_name`."""
        name = readings(into, "")[0].name
        return refuse_table(name) or refuse_name(name)

    def store(self, context: ProjectContext) -> Store:
        """Return the store; connects to nothing."""
        from hygge.connectors.mysql.store import MysqlStore

        return MysqlStore(self, self.replace, may_load=self.bulk == "auto")
