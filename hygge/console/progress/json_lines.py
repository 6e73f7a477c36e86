"""Events as JSON Lines."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime

from hygge.console.output import Output
from hygge.console.progress.formats import Renderer
from hygge.values.model import Event
from hygge.values.receipts import without_receipts
from hygge.values.redact import redact_values

_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")


class JsonLines(Renderer):
    """Writes each event with its name, the time (UTC) and its fields."""

    def __init__(self, answer: Output) -> None:
        self._answer = answer

    def listen(self, event: Event) -> None:
        """Write one line in ASCII, independent of encodings."""
        self._answer.line(json.dumps(redact_values(event_fields(event)), ensure_ascii=True))


def event_fields(event: Event) -> dict[str, object]:
    """Return an event as plain values: `event` is its name (`move_finished`), `at` is now.

    Receipts are left out, because they contain values of rows.
    """
    event = without_receipts(event)
    name = _WORD_START.sub("_", type(event).__name__).lower()
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"event": name, "at": at, **asdict(event)}
