"""Rows into a table by LOAD DATA LOCAL from memory, or by INSERT where the server forbids that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hygge.connectors.mysql.connections import Rows, answering, driven
from hygge.connectors.mysql.encoding import FILE, STATEMENT, joined, row_texts
from hygge.connectors.mysql.faults import fault
from hygge.connectors.sql.table_names import quote
from hygge.errors import StoreError
from hygge.values.plurals import plural

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.mysql.config import MysqlSettings
    from hygge.connectors.mysql.connections import Link

_ASKED_FOR = "hygge"
"""File name in LOAD DATA. There is no such file: rows are sent instead."""
_PACKET_BYTES = 2**19
_STATEMENT_BYTES = 2**20
_MOST_WARNINGS = 3


class BulkLoad:
    """Writes batches into one table over one connection, and counts the rows that were stored."""

    def __init__(
        self,
        connection: Link,
        settings: MysqlSettings,
        table: str,
        columns: Sequence[str],
        *,
        constant: tuple[str, int],
        may_load: bool,
    ) -> None:
        self.rows = 0
        self._connection = connection
        self._settings = settings
        self._table = table
        self._columns = columns
        self._constant = constant
        run = Rows(connection, settings, StoreError, f"cannot write {table}")
        ((allows, packet),) = run("SELECT @@local_infile, @@max_allowed_packet")
        self._loads = may_load and bool(int(allows))
        self._packet = int(packet)

    def add(self, batches: Sequence[pa.RecordBatch]) -> None:
        """Write batches; raise `StoreError` unless every row was stored without a warning."""
        import pymysql

        try:
            if self._loads:
                self._load(batches)
            else:
                for batch in batches:
                    self._insert(batch)
        except (pymysql.MySQLError, OSError) as error:
            raise fault(error, StoreError, f"cannot write {self._table}") from error

    def _load(self, batches: Sequence[pa.RecordBatch]) -> None:
        connection = self._connection
        names = ", ".join(quote(name, "`") for name in self._columns)
        column, value = self._constant
        self._command(
            f"LOAD DATA LOCAL INFILE '{_ASKED_FOR}' INTO TABLE {self._table} CHARACTER SET binary "
            rf"FIELDS TERMINATED BY '\t' ESCAPED BY '\\' LINES TERMINATED BY '\n' ({names}) "
            f"SET {quote(column, '`')} = {value}",
        )
        asked = self._answer()
        if not asked.is_load_local_packet() or asked.get_all_data()[1:] != _ASKED_FOR.encode():
            connection._force_close()
            raise StoreError(f"the server did not request the rows of {self._table}")
        sent = 0
        for batch in batches:
            if batch.num_rows:
                sent += batch.num_rows
                self._send(joined(row_texts(batch, FILE), b"", b"\n", b"\n"))
        with driven(connection):
            connection.write_packet(b"")
        self._take_answer(sent)

    def _send(self, text: bytes) -> None:
        with driven(self._connection):
            for start in range(0, len(text), _PACKET_BYTES):
                self._connection.write_packet(text[start : start + _PACKET_BYTES])

    def _command(self, sql: str | bytes) -> None:
        from pymysql.constants import COMMAND

        with driven(self._connection):
            self._connection._execute_command(COMMAND.COM_QUERY, sql)

    def _answer(self) -> Any:  # noqa: ANN401
        """Return the next packet of the server."""
        connection = self._connection
        with answering(connection, self._settings), driven(connection):
            return connection._read_packet()

    def _insert(self, batch: pa.RecordBatch) -> None:
        import numpy as np
        import pyarrow.compute as pc

        column, value = self._constant
        names = ", ".join(quote(name, "`") for name in (column, *self._columns))
        head = f"INSERT INTO {self._table} ({names}) VALUES ({value},".encode()
        texts, most = row_texts(batch, STATEMENT), min(_STATEMENT_BYTES, self._packet // 2)
        ends = np.cumsum(pc.binary_length(texts).to_numpy().astype(np.int64) + len(head))
        start = 0
        while start < len(texts):
            before = ends[start - 1] if start else 0
            end = int(np.searchsorted(ends, before + most, side="right"))
            end = max(end, start + 1)
            rows = texts.slice(start, end - start)
            statement = joined(rows, head, f"),({value},".encode(), b")")
            self._check_size(len(statement))
            self._command(statement)
            self._take_answer(end - start)
            start = end

    def _check_size(self, size: int) -> None:
        """Raise `StoreError` for a row above max_allowed_packet: the server would disconnect."""
        if size >= self._packet:
            raise StoreError(
                f"a row for {self._table} has {size:,} bytes; the maximum of the server is "
                f"{self._packet:,}",
                hint="raise max_allowed_packet on the server",
            )

    def _take_answer(self, sent: int) -> None:
        """Raise `StoreError` unless every row was stored unchanged."""
        from pymysql.protocol import OKPacketWrapper

        packet = self._answer()
        with driven(self._connection):
            answer: Any = OKPacketWrapper(packet)
        if answer.warning_count:
            raise self._refused()
        if answer.affected_rows != sent:
            raise StoreError(
                f"{plural(sent, 'row was', 'rows were')} sent to {self._table}, but "
                f"{answer.affected_rows:,} were inserted"
            )
        self.rows += sent

    def _refused(self) -> StoreError:
        connection = self._connection
        with answering(connection, self._settings), driven(connection):
            warnings = connection.show_warnings()[:_MOST_WARNINGS]
        texts = "; ".join(str(text) for _, _, text in warnings)
        return StoreError(
            f"the server would have changed values of {self._table}: {texts}",
            hint="cast the column to a type that can store them with  columns: {…: {type: …}}",
            code="HG535",
        )
