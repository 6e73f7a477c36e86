"""The commands and their options as data, read from the functions that typer calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo


@dataclass(frozen=True, slots=True)
class Parameter:
    """An option or an argument."""

    name: str
    """Name of the function's parameter."""
    flags: tuple[str, ...]
    """Flags of an option, `--flow` and `-f`; empty for an argument."""
    help: str
    takes_value: bool
    is_many: bool
    """Whether an argument takes all following words."""
    choices: tuple[str, ...]
    """Its possible values, where they are known."""
    is_path: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or a group of commands."""

    name: str
    help: str
    parameters: tuple[Parameter, ...] = ()
    commands: dict[str, Command] = field(default_factory=dict)

    def option(self, flag: str) -> Parameter | None:
        """Return the option that is written like `flag`."""
        return next((one for one in self.parameters if flag in one.flags), None)

    @property
    def arguments(self) -> tuple[Parameter, ...]:
        """Its positional parameters, in order."""
        return tuple(one for one in self.parameters if not one.flags)


def tree_of(app: typer.Typer, name: str = "", help_text: str = "") -> Command:
    """Return an app with all its commands; hidden ones are left out."""
    commands = {}
    for info in app.registered_commands:
        if info.callback is not None and not info.hidden:
            word = info.name or info.callback.__name__.replace("_", "-")
            commands[word] = Command(word, _summary(info.callback), tuple(_read(info.callback)))
    for group in app.registered_groups:
        if group.typer_instance is not None and group.name:
            text = str(group.typer_instance.info.help)
            commands[group.name] = tree_of(group.typer_instance, group.name, text)
    callback = app.registered_callback.callback if app.registered_callback else None
    return Command(name, help_text, tuple(_read(callback)) if callback else (), commands)


def _summary(function: Callable[..., Any]) -> str:
    return inspect.cleandoc(function.__doc__ or "").partition("\n")[0]


def _read(function: Callable[..., Any]) -> Iterator[Parameter]:
    for name, hint in get_type_hints(function, include_extras=True).items():
        for info in getattr(hint, "__metadata__", ()):
            if isinstance(info, OptionInfo | ArgumentInfo) and not info.hidden:
                yield _parameter(name, get_args(hint)[0], info)


def _parameter(name: str, kind: Any, info: OptionInfo | ArgumentInfo) -> Parameter:  # noqa: ANN401
    types = list(_parts(kind))
    is_option = isinstance(info, OptionInfo)
    declared = (info.default, *(info.param_decls or ()))  # in Annotated, the first is no default
    given = tuple(word for word in declared if isinstance(word, str) and word.startswith("-"))
    long = f"--{name.replace('_', '-')}"
    return Parameter(
        name=name,
        flags=(given or (long,)) if is_option else (),
        help=info.help or "",
        takes_value=not (bool in types or getattr(info, "count", False)),
        is_many=list in types,
        choices=tuple(word for one in types for word in _words(one)),
        is_path=Path in types,
    )


def _parts(kind: Any) -> Iterator[Any]:  # noqa: ANN401
    """Yield a type, and those it is made of: of unions and lists."""
    origin = get_origin(kind)
    yield origin if origin is list else kind
    if origin is not None and origin is not Literal:
        for part in get_args(kind):
            yield from _parts(part)


def _words(kind: Any) -> list[str]:  # noqa: ANN401
    if get_origin(kind) is Literal:
        return [str(word) for word in get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(member.value) for member in kind]
    return []
