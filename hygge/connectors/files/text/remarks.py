"""Notes on how text was read, counted over all files of an entity."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from hygge.values.plurals import plural


@dataclass(slots=True)
class Remarks:
    """Counts of omissions and interpretations, each with its first position."""

    _found: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    _sentences: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __reduce__(self) -> tuple[type[Remarks], tuple[()]]:
        """Return how to create them in another process, which has its own counts."""
        return Remarks, ()

    def add(self, one: str, many: str, where: str, count: int = 1) -> None:
        """Count an event, in the words `one` or `many` (`comment line was ignored`)."""
        with self._lock:
            known, first = self._found.get((one, many), (0, where))
            self._found[one, many] = (known + count, first)

    def say(self, kind: str, sentence: str) -> None:
        """Keep the first sentence of a kind."""
        with self._lock:
            self._sentences.setdefault(kind, sentence)

    def sentences(self) -> tuple[str, ...]:
        """Return a sentence for each kind."""
        with self._lock:
            found, sentences = list(self._found.items()), list(self._sentences.values())
        counted = (
            f"{plural(count, one, many)} ({where})"
            if count == 1
            else f"{plural(count, one, many)} (first {where})"
            for (one, many), (count, where) in found
        )
        return (*sentences, *counted)
