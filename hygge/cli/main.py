"""The entry point of the command line: every error becomes a message and an exit code."""

from __future__ import annotations

import gc
import io
import logging
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from hygge.cli.arguments import apart

if TYPE_CHECKING:
    from hygge.cli.global_options import Globals
    from hygge.console.output import Output
    from hygge.errors import HyggeError

BUG = 70
INTERRUPTED = 130


def run() -> int:
    """Run the command line and return its exit code."""
    from hygge.cli.app import app_of
    from hygge.errors import HyggeError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    chosen: list[Globals] = []
    try:
        _check_directory()
        options, words = apart(sys.argv[1:])
        app_of(words[0] if words else None)(args=options + words, obj=chosen)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(
            end.__context__, BrokenPipeError
        ):  # the reader closed the pipe of a help page
            code = 0
    except HyggeError as error:
        code = _show_error(error, chosen)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except OSError as error:
        code = _show_refusal(error, chosen)
    except Exception as error:
        code = _show_bug(error, chosen)
    else:
        code = 0
    return _flushed(code)


def _check_directory() -> None:
    """Raise `UsageError` when the working directory does not exist."""
    from hygge.errors import UsageError

    try:
        Path.cwd()
    except FileNotFoundError:
        raise UsageError(
            "the directory in which this command runs was deleted", hint="cd to a project"
        ) from None


def leave(code: int) -> NoReturn:
    """End the process, also while threads of an abandoned move run native code.

    Python would kill such threads inside a call that may hold a lock, and abort.
    """
    gc.freeze()  # skips Python's final garbage collection: a tenth of a short command
    if threading.active_count() == 1:
        sys.exit(code)
    logging.shutdown()
    os._exit(code)


def _show_error(error: HyggeError, chosen: list[Globals]) -> int:
    from hygge.console.diagnostics.report import show_full
    from hygge.console.errors import show_error
    from hygge.project import ProjectError

    if isinstance(error, ProjectError):
        show_full(error.diagnostics, _notes(chosen))
    else:
        show_error(error, _notes(chosen))
    return error.exit_code


def _show_refusal(error: OSError, chosen: list[Globals]) -> int:
    from hygge.runtime.system import SystemRefusalError

    if not error.errno:
        return _show_bug(error, chosen)
    return _show_error(SystemRefusalError.of(error), chosen)


def _show_bug(error: Exception, chosen: list[Globals]) -> int:
    from hygge.runtime.crash import trace_of

    kind = type(error).__name__
    show_crash(f"{kind}: {error}", trace_of(error), _root(chosen), _notes(chosen))
    return BUG


def show_crash(what: str, trace: str, root: Path | None, notes: Output) -> None:
    """Write the crash report and print its path."""
    from hygge.console.text import clean
    from hygge.runtime.crash import write_report
    from hygge.values.redact import redact

    path = write_report(trace, root)
    head = notes.paint("internal error:", "red", "bold")
    notes.line(f"{head} {clean(redact(what))}")
    place = f"a report is in {path}" if path else "and no report could be written"
    notes.line(f"  this is a bug in hygge; {place}")


def _notes(chosen: list[Globals]) -> Output:
    from hygge.console.output import standard_error

    return standard_error(chosen[0].color if chosen else "auto")


def _root(chosen: list[Globals]) -> Path | None:
    start = (chosen[0].directory if chosen else Path()).absolute()
    return next((path for path in (start, *start.parents) if (path / "hygge.yml").is_file()), None)


def _flushed(code: int) -> int:
    """Flush the output; a closed pipe is no error."""
    from hygge.console.output import Output

    for stream in (sys.stdout, sys.stderr):
        Output(stream).flush()
    return code
