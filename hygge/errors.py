"""Every error that hygge raises on purpose, by who must act on it.

    HyggeError                exit 1 ├── ConfigError           the user's files, variables or
    drivers          exit 3 │   └── UsageError        the command line, or no project here
    exit 2 ├── HomeError             the system that is read                         exit 1 │   └──
    LateTypeError     a sample was too small to infer a type       (never reaches a user) ├──
    StoreError            the system that is written                      exit 1 ├── FlowError
    what one refuses of the other, guards, limits   exit 1 │   ├── BadRowError       a row that a
    cast or the flow's rules refuse │   ├── TimeoutExceeded   a move took longer than its `timeout`
    │   └── Cancelled         the run was asked to stop                       exit 130 or 143 └──
    CommitUnknownError    nobody can say whether a commit landed          exit 1

Any other exception is a bug in hygge: exit 70, with a report file.
"""

from __future__ import annotations

from typing import ClassVar


class HyggeError(Exception):
    """An error that a user can act on: what failed, and in `hint` the next step."""

    code: str = "HG500"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        """Keep `hint` and `code` when an error crosses a process boundary."""
        return _rebuild, (type(self), self.message, self.hint, self.code)


def _rebuild(kind: type[HyggeError], message: str, hint: str | None, code: str) -> HyggeError:
    return kind(message, hint=hint, code=code)


class ConfigError(HyggeError):
    """The project, the environment or the installation is invalid."""

    code = "HG200"
    exit_code = 3


class UsageError(ConfigError):
    """Invalid arguments, or no project here."""

    code = "HG220"
    exit_code = 2


class HomeError(HyggeError):
    """The home failed, or has a value that cannot be read exactly."""

    code = "HG501"


class LateTypeError(HomeError):
    """A value contradicts the type that a sample suggested.

    Not a failure: the move discards what it staged and opens the home again with
    `ReadRequest.thorough`, so that types are inferred from the whole input.
    """

    code = "HG502"


class StoreError(HyggeError):
    """The store failed, or cannot hold the rows."""

    code = "HG511"


class FlowError(HyggeError):
    """Home and store work, but the flow's rules refuse the move."""

    code = "HG521"


class BadRowError(FlowError):
    """A row cannot be moved; `on_bad_row: quarantine` quarantines it."""

    column: str = ""
    """The column that fails, by its name in the store."""

    @classmethod
    def by(cls, column: str, message: str, *, hint: str, code: str) -> BadRowError:
        """Return the error for a row that fails in a column."""
        error = cls(message, hint=hint, code=code)
        error.column = column
        return error


class TimeoutExceeded(FlowError):
    """A move did not end within its `timeout`."""

    code = "HG541"


class Cancelled(FlowError):
    """The run was asked to stop before this move was committed."""

    code = "HG542"


class CommitUnknownError(HyggeError):
    """A commit was sent and its reply was lost; the next run finds out who owns the number."""

    code = "HG551"
