"""The listeners of a run; an error in one cannot stop it."""

from __future__ import annotations

from collections.abc import Callable

from hygge.values.model import Event


class Listeners:
    """Passes events to several listeners; one that fails is dropped and its error kept."""

    def __init__(self, *listeners: Callable[[Event], None]) -> None:
        self._listeners = list(listeners)
        self.errors: list[Exception] = []
        """What the dropped listeners raised; a bug, reported after the run."""

    def listen(self, event: Event) -> None:
        """Pass one event on. Never raises: rows that were committed stay committed."""
        for listener in list(self._listeners):
            try:
                listener(event)
            except Exception as error:
                self._listeners.remove(listener)
                self.errors.append(error)
