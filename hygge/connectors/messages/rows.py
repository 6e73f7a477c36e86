"""Messages as rows: their values and metadata, put into a spool."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from hygge.connector import Commit, ReadRequest, Source
from hygge.connectors.files.text.decoding import UTF8, TextStream
from hygge.connectors.files.text.json_blocks import JsonReader
from hygge.connectors.files.text.json_documents import JsonDocuments
from hygge.connectors.files.text.json_kinds import Kind, parse
from hygge.connectors.messages.config import METADATA_PREFIX, MessageHomeConfig
from hygge.connectors.spool.sources import BadRow
from hygge.connectors.spool.spool import Spool
from hygge.errors import HomeError

if TYPE_CHECKING:
    import pyarrow as pa

_BUFFERED_BYTES = 2**20
_MOST_BAD_BYTES = 2**26
_BLANKS = b" \t\r\n"
_IN_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
_encode = json.JSONEncoder(default=str, ensure_ascii=False).encode
VALUE = "value"
"""The column of a message that is text or bytes."""


class Message(NamedTuple):
    """A message as its system hands it out."""

    place: str
    """Its position, for errors and quarantine."""
    value: bytes | None
    """Its content; None for a message without, such as a tombstone."""
    metadata: Mapping[str, Any]
    """A value for each name that the home adds: text, a number, a time, or None."""
    problem: str | None = None
    """Why it has no content that can be read."""


class MessageRows:
    """The messages of one view, written into a spool as rows.

    A message that is no row is put aside where the flow quarantines, and raises `HomeError`
    otherwise.
    """

    def __init__(self, spool: Spool, config: MessageHomeConfig, request: ReadRequest) -> None:
        self.count = 0
        """Messages so far, with those that are no rows."""
        self._spool = spool
        self._values = config.values
        self._names = config.metadata
        self._request = request
        self._waiting: list[Message] = []
        self._waiting_bytes = self._bad_bytes = 0
        self._bad: list[BadRow] = []

    def add(self, message: Message) -> None:
        """Add a message."""
        self.count += 1
        self._waiting.append(message)
        self._waiting_bytes += len(message.value or b"") + 100
        if self._waiting_bytes >= _BUFFERED_BYTES:
            self._flush()

    def source(
        self,
        settle: Callable[[Commit | None], None] = lambda _: None,
        notes: Sequence[str] = (),
    ) -> Source:
        """Return the view on all messages that were added; `notes` are those of `Source.notes`."""
        self._flush()
        types = {METADATA_PREFIX + name: type_of(name) for name in self._names}
        if self._values != "json":
            types[VALUE] = self._type
        if not types and self.count == len(self._bad):
            raise HomeError(
                f"{self._request.entity} has no messages, so its columns are unknown",
                hint="move it when it has some, or add a column to the home:  metadata: [id]",
            )
        return self._spool.source(types=types, settle=settle, bad=self._bad, notes=notes)

    @property
    def _type(self) -> pa.DataType:
        import pyarrow as pa

        return pa.string() if self._values == "text" else pa.binary()

    def _flush(self) -> None:
        messages = [one for one in self._waiting if self._is_whole(one)]
        if messages:
            (self._write_json if self._values == "json" else self._write_plain)(messages)
        self._waiting, self._waiting_bytes = [], 0

    def _is_whole(self, message: Message) -> bool:
        if message.problem is not None:
            self._put_aside(message, message.problem)
        return message.problem is None

    def _write_json(self, messages: Sequence[Message]) -> None:
        lines = [self._line(one) for one in messages]
        text = b"\n".join(lines)
        if b"" in lines or not self._is_sound(text):
            text = b"\n".join(self._sound(messages, lines))
        if text:
            self._spool.add_json(text)

    def _line(self, message: Message) -> bytes:
        """Return a message as one line of JSON; empty for one that is no object."""
        chosen = {METADATA_PREFIX + name: message.metadata[name] for name in self._names}
        before = _encode(chosen).encode()
        if message.value is None:
            return before
        value = message.value.translate(_IN_ONE_LINE).strip()
        if value[:1] != b"{":
            return b""
        after = value[1:].lstrip()
        return value if not chosen else before[:-1] + (b"" if after == b"}" else b",") + after

    def _sound(self, messages: Sequence[Message], lines: Sequence[bytes]) -> Iterator[bytes]:
        """Yield the lines that the reader of JSON accepts, and put the other messages aside."""
        for message, line in zip(messages, lines, strict=True):
            reason = self._reason(line) if line else "not a JSON object"
            if reason is None:
                yield line
            else:
                self._put_aside(message, reason)

    def _reason(self, line: bytes) -> str | None:
        """Return why a line is no row; None where it is one."""
        try:
            parse(line)
            self._learn(line)
        except ValueError as error:
            return f"invalid JSON: {getattr(error, 'msg', error)}"
        except HomeError as error:
            return error.message.partition(": ")[2]
        return None

    def _is_sound(self, text: bytes) -> bool:
        try:
            self._learn(text)
        except HomeError:
            return False
        return True

    def _learn(self, text: bytes) -> None:
        """Raise `HomeError` for a line that the reader of JSON refuses."""
        stream = TextStream(BytesIO(text), self._request.entity, UTF8)
        documents = JsonDocuments(stream, len(text) + 1, self._request.max_value_bytes)
        JsonReader(documents, Kind(), {}).learn()

    def _write_plain(self, messages: Sequence[Message]) -> None:
        import pyarrow as pa

        good = [one for one in messages if self._values == "bytes" or self._is_text(one)]
        columns = {
            METADATA_PREFIX + name: pa.array([one.metadata[name] for one in good], type_of(name))
            for name in self._names
        }
        column = pa.array([one.value for one in good], pa.binary())
        self._spool.add(pa.record_batch({**columns, VALUE: column.cast(self._type)}))

    def _is_text(self, message: Message) -> bool:
        try:
            (message.value or b"").decode()
        except UnicodeDecodeError:
            self._put_aside(message, "invalid UTF-8")
            return False
        return True

    def _put_aside(self, message: Message, reason: str) -> None:
        entity, text = self._request.entity, message.value or b""
        if not self._request.quarantines:
            raise HomeError(
                f"{entity}, message {message.place}: {reason}",
                hint="to move the others and keep this one in a file, set  on_bad_row: quarantine  "
                "in the flow; for messages that are no JSON, set  values: text  in the home",
            )
        self._bad_bytes += len(text)
        if self._bad_bytes > _MOST_BAD_BYTES:
            raise HomeError(
                f"{entity}, message {message.place}: {reason}; more than "
                f"{_MOST_BAD_BYTES:,} bytes of messages are no rows",
                hint="check what the messages contain:  values: text  in the home moves any text",
            )
        self._bad.append(BadRow(f"message {message.place}", text, reason))


def type_of(name: str) -> pa.DataType:
    """Return the type of the column of a name of metadata."""
    import pyarrow as pa

    kinds = {
        "time": pa.timestamp("us", "UTC"),
        "offset": pa.int64(),
        "partition": pa.int32(),
        "sequence": pa.int64(),
    }
    return kinds.get(name, pa.string())
