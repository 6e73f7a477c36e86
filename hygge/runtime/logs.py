"""Logging of the standard library, with run, flow, entity and attempt on every line.

Any module logs to `logging.getLogger(__name__)`; nothing is written until `setup` is called.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from hygge.errors import UsageError
from hygge.runtime.private import private_file
from hygge.values.log_context import FIELDS, fields
from hygge.values.redact import redact

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_COLORS = {"DEBUG": "2", "INFO": "36", "WARNING": "33", "ERROR": "31", "CRITICAL": "31;1"}


class Format(StrEnum):
    """Values of `--log-format`."""

    TEXT = "text"
    JSON = "json"


def setup(
    write: Callable[[str], None],
    *,
    level: str = "warning",
    color: bool = False,
    format: Format = Format.TEXT,
    file: Path | None = None,
    hide: tuple[str, ...] = (),
) -> None:
    """Send hygge's log lines of `level` and above to `write`, and to `file` when one is given.

    Lines of the loggers in `hide` go to the file only.
    The file gets lines of `info` too, is appended to and only its owner may read it. Raises
    `UsageError` when the file cannot be written.
    """
    logger = logging.getLogger("hygge")
    for old in list(logger.handlers):
        logger.removeHandler(old)
        old.close()
    handlers: list[logging.Handler] = [_Writing(write)]
    handlers[0].setLevel(level.upper())
    handlers[0].addFilter(lambda record: record.name not in hide)
    if file is not None:
        handlers.append(_file_handler(file))
        handlers[1].setLevel(min(logging.INFO, handlers[0].level))
    for handler in handlers:
        handler.setFormatter(_formatter(format, color=color and handler is handlers[0]))
        logger.addHandler(handler)
    logger.setLevel(min(handler.level for handler in handlers))
    logger.propagate = False


def _file_handler(path: Path) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            private_file(path)
        handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(
            f"cannot write the log file {path}: {error}", hint="name another with --log-file"
        ) from error
    handler.handleError = _drop  # type: ignore[method-assign]
    return handler


def _drop(record: logging.LogRecord) -> None:
    """Drop a line that cannot be written: a full disk must not end a run because of its log."""


class _Writing(logging.Handler):
    """Passes formatted lines to a function, which coordinates them with other terminal output."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        self._write(self.format(record))


def _formatter(format: Format, *, color: bool) -> logging.Formatter:
    return _Json() if format is Format.JSON else _Text(color)


def _fields(record: logging.LogRecord) -> dict[str, str | int | None]:
    here = fields()
    return {name: getattr(record, name, here.get(name)) for name in FIELDS}


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Json(logging.Formatter):
    """One JSON object per line; unknown fields are null."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            **_fields(record),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            line["trace"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, default=str)


class _Text(logging.Formatter):
    """`2026-01-31T12:00:00.000Z warning run=… flow=… entity=… attempt=1 message`."""

    def __init__(self, color: bool) -> None:
        super().__init__()
        self._color = color

    def format(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname.lower():<8}"
        if self._color:
            level = f"\x1b[{_COLORS.get(record.levelname, '0')}m{level}\x1b[0m"
        known = ((name, value) for name, value in _fields(record).items())
        fields = " ".join(f"{name}={_word(value)}" for name, value in known)
        line = f"{_time(record)} {level} {fields} {_one_line(redact(record.getMessage()))}"
        if record.exc_info:
            trace = redact(self.formatException(record.exc_info))
            line = "\n  ".join([line, *map(_one_line, trace.splitlines())])
        return line


def _word(value: str | int | None) -> str:
    if value is None:
        return "-"
    text = _one_line(str(value))
    return json.dumps(text, ensure_ascii=False) if re.search(r'[\s"=]', text) else text


def _one_line(text: str) -> str:
    """Escape control characters, so that a foreign name cannot forge a line or move the cursor."""
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape", "replace").decode(), text)
