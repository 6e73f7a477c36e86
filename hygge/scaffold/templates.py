"""Templates: finding and rendering them. The only module that imports jinja2."""

from __future__ import annotations

import resource
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from hygge.errors import ConfigError, HyggeError, UsageError
from hygge.scaffold.quoting import quoted

SUFFIX = ".j2"
_LARGEST = 2**20
_SECONDS = 1.0
"""CPU seconds of this process, independent of the machine's load."""
_MEMORY = 200 * 2**20
"""Bytes that rendering may add to the process."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """A sandbox in which a template cannot fill the memory by `9 ** 9 ** 9` or `"x" * 10 ** 9`."""

    intercepted_binops = frozenset({"**", "*"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401
        """Reject powers, and products except of small numbers."""
        if operator == "*" and all(isinstance(n, int) and abs(n) < 2**31 for n in (left, right)):
            return left * right
        raise TemplateError(f"the operator {operator} is not allowed in a template")


def built_in_root() -> Path:
    """Return the directory of the templates that came with this hygge.

    Beside the package in an installed wheel, else at the top of the checkout.
    """
    package = Path(__file__).resolve().parent.parent
    for place in (package / "templates", package.parent / "templates"):
        if (place / "flow.yml.j2").is_file():
            return place
    raise ConfigError(
        f"the templates of hygge are missing in {package / 'templates'}",
        hint="reinstall hygge",
        code="HG603",
    )


def built_in_kinds() -> list[str]:
    """Every template that a project can override, e.g. `flow`, `home/any`."""
    root = built_in_root()
    files = [root / "flow.yml.j2", *root.glob("home/*.j2"), *root.glob("store/*.j2")]
    return sorted(_kind_of(file, root) for file in files)


def _kind_of(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix().removesuffix(".yml.j2")


def built_in_text(kind: str) -> str:
    """Return the built-in template of a kind; raise `UsageError` with the known kinds."""
    if kind not in built_in_kinds():
        raise UsageError(
            f"there is no template '{kind}'", hint=f"templates: {', '.join(built_in_kinds())}"
        )
    return (built_in_root() / f"{kind}.yml.j2").read_text("utf-8")


def find_template(kind: str, fallback: str | None, project: Path) -> tuple[str, str]:
    """Return name and text of the template for `kind`: the project's own, or the built-in one."""
    for name in filter(None, (kind, fallback)):
        own = project / "templates" / f"{name}.yml.j2"
        if own.is_file():
            return f"templates/{name}.yml.j2", _read(own, f"templates/{name}.yml.j2")
        if name in built_in_kinds():
            return f"{name}.yml.j2", built_in_text(name)
    raise UsageError(f"there is no template '{kind}'")


def _read(file: Path, name: str) -> str:
    """Return the text of a project's own template."""
    try:
        with file.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ValueError("it is larger than 1 MB")
        return data.decode("utf-8").replace("\r\n", "\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(
            f"cannot read {name}: {reason}", hint=f"ls -l {name}", code="HG604"
        ) from error


def render(
    name: str,
    text: str,
    values: Mapping[str, object],
    functions: Mapping[str, Callable[..., str]] | None = None,
) -> str:
    """Return the template's text with `values` in it.

    Raises `ConfigError` with template and line for an undefined name, forbidden code and any other
    error.
    """
    sandbox = _Sandbox(
        undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True
    )
    sandbox.filters["yaml"] = quoted
    parts: list[str] = []
    size = 0
    try:
        with _bounded():
            template = sandbox.from_string(text)
            for part in template.generate(**values, **(functions or {})):
                size += len(part)
                if size > _LARGEST:
                    raise TemplateError("its output is larger than 1 MB")
                parts.append(part)
    except HyggeError:
        raise
    except Exception as error:  # any exception comes from the template's code
        line = getattr(error, "lineno", None)
        where = f"{name}:{line}" if line else name
        reason = _TOO_LARGE if isinstance(error, MemoryError) else str(error)
        raise ConfigError(
            f"{where}: the template cannot be rendered: {reason or type(error).__name__}",
            hint=f"correct it, or remove {name} to use the template that comes with hygge",
            code="HG604",
        ) from error
    return "".join(parts)


_TOO_LARGE = f"it needs more than {_MEMORY // 2**20} MB of memory"


@contextmanager
def _bounded() -> Iterator[None]:
    """Limit memory and time of rendering, also within a single call.

    The time is limited in the main thread only, because only there Python can be interrupted.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = _address_space() + _MEMORY
    if soft != resource.RLIM_INFINITY:
        bound = min(bound, soft)
    resource.setrlimit(resource.RLIMIT_AS, (bound, hard))
    try:
        with _timed():
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _address_space() -> int:
    """Return the bytes of address space of this process."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    return pages * resource.getpagesize()


@contextmanager
def _timed() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise TemplateError(f"it takes more than {_SECONDS:g} s")

    before = signal.signal(signal.SIGPROF, stop)
    # Repeated, in case template code catches the first error.
    signal.setitimer(signal.ITIMER_PROF, _SECONDS, 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
