"""Candidates for completing a command line.

A shell calls this on every key press, so nothing here reads YAML or imports modules that do: names
are taken from file names.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hygge.cli.command_tree import Command, Parameter, tree_of
from hygge.console.output import standard_output

COMMAND = "__complete"
"""The hidden command that the scripts of `hygge completion` call."""
FILES = ":files"
"""Answer that leaves the completion of file names to the shell."""
Candidate = tuple[str, str]
"""A word and its description."""

_HELP = ("--help", "Show the help of a command.")


def answer(words: Sequence[str]) -> None:
    """Print the candidates for the last word: one per line, word, tab, description."""
    output = standard_output("never")
    for word, about in candidates(words):
        output.line(f"{word}\t{about}" if about else word)


def candidates(words: Sequence[str]) -> list[Candidate]:
    """Return the candidates for the last of `words`, the arguments of `hygge`."""
    from hygge.cli.app import app

    words = [_unquoted(word) for word in words] or [""]
    line = _Line(tree_of(app))
    line.read(words[:-1])
    return list(line.ends(words[-1]))


def _unquoted(word: str) -> str:
    try:
        parts = shlex.split(word)
    except ValueError:
        return word
    return parts[0] if len(parts) == 1 else word


@dataclass(slots=True)
class _Line:
    """A command line up to the word being typed."""

    root: Command
    path: list[Command] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    """The arguments of the command so far."""
    waiting: Parameter | None = None
    """The option whose value comes next."""
    start: Path = Path()
    takes_options: bool = True

    @property
    def command(self) -> Command:
        return self.path[-1] if self.path else self.root

    def read(self, words: Iterable[str]) -> None:
        """Parse the complete words."""
        for word in words:
            if self.waiting is not None:
                self._take_value(word)
            elif word == "--":
                self.takes_options = False
            elif word.startswith("-") and self.takes_options:
                self._take_option(word)
            elif word in self.command.commands:
                self.path.append(self.command.commands[word])
            else:
                self.given.append(word)

    def _take_value(self, word: str) -> None:
        if word == "=":
            return
        if self.waiting is not None and "-C" in self.waiting.flags:
            self.start = Path(word).expanduser()
        self.waiting = None

    def _take_option(self, word: str) -> None:
        flag, sign, value = word.partition("=")
        option = self._option(flag)
        self.waiting = option if option and option.takes_value else None
        if sign and self.waiting is not None:
            self._take_value(value)

    def _option(self, flag: str) -> Parameter | None:
        return self.command.option(flag) or self.root.option(flag)

    def ends(self, typed: str) -> Iterable[Candidate]:
        """Yield the candidates for `typed`."""
        flag, sign, value = typed.partition("=")
        option = self._option(flag) if sign else None
        if self.waiting is not None:
            yield from self._values(self.waiting, "" if typed == "=" else typed)
        elif option is not None:
            yield from ((f"{flag}={word}", about) for word, about in self._values(option, value))
        elif typed.startswith("-") and self.takes_options:
            yield from _starting(typed, self._options())
        elif self.command.commands:
            known = [] if self.given else self.command.commands.values()
            yield from _starting(typed, [(one.name, one.help) for one in known])
        else:
            yield from self._argument(typed)

    def _options(self) -> Iterable[Candidate]:
        own = self.command.parameters if self.path else ()
        for one in (*own, *self.root.parameters):
            yield from ((flag, one.help) for flag in one.flags)
        yield _HELP

    def _argument(self, typed: str) -> Iterable[Candidate]:
        arguments = self.command.arguments
        position = min(len(self.given), len(arguments) - 1)
        if arguments and (position == len(self.given) or arguments[position].is_many):
            yield from self._values(arguments[position], typed)

    def _values(self, parameter: Parameter, typed: str) -> Iterable[Candidate]:
        """Yield the values of a parameter; a comma begins the next value."""
        if parameter.is_path:
            return [(FILES, "")]
        first, comma, last = typed.rpartition(",")
        words = parameter.choices or self._names(parameter)
        return [(first + comma + word, about) for word, about in _starting(last, _plain(words))]

    def _names(self, parameter: Parameter) -> Iterable[str]:
        command = " ".join(one.name for one in self.path)
        source = SOURCES.get((command, parameter.name)) or SOURCES.get(("", parameter.name))
        root = _root(self.start)
        return source(root, self.given) if source and root else ()


def _plain(words: Iterable[str]) -> list[Candidate]:
    return [(word, "") for word in words]


def _starting(typed: str, found: Iterable[Candidate]) -> list[Candidate]:
    return [(word, about) for word, about in found if word.startswith(typed)]


def _root(start: Path) -> Path | None:
    here = start.absolute()
    folders = (here, *here.parents)
    return next((one for one in folders if (one / "hygge.yml").is_file()), None)


def _stems(folder: str) -> Callable[[Path, Sequence[str]], list[str]]:
    """Return a function that lists the names of the YAML files in a folder of the project."""

    def names(root: Path, given: Sequence[str]) -> list[str]:
        files = [*(root / folder).rglob("*.yml"), *(root / folder).rglob("*.yaml")]
        files = [path for path in files if not path.name.endswith(".lock.yml")]
        return sorted({file.stem for file in files if file.stem.isidentifier()})

    return names


def _connectors(root: Path, given: Sequence[str]) -> list[str]:
    return sorted({*_stems("homes")(root, given), *_stems("stores")(root, given)})


def _types(*kinds: str) -> Callable[[Path, Sequence[str]], list[str]]:
    """Return a function that lists types: built-in ones by folder, others by entry point."""

    def names(root: Path, given: Sequence[str]) -> list[str]:
        from importlib.metadata import entry_points

        from hygge.registry import built_in_types

        own = {name for kind in kinds for name in built_in_types(kind)}
        others = {one.name for kind in kinds for one in entry_points(group=f"hygge.{kind}s")}
        return sorted(own | others)

    return names


def _removable(root: Path, given: Sequence[str]) -> list[str]:
    folder = f"{given[0]}s" if given else ""
    if folder == "templates":
        return _templates(root / folder)
    return _stems(folder)(root, given)


def _ejectable(root: Path, given: Sequence[str]) -> list[str]:
    package = Path(__file__).parent.parent
    places = (package / "templates", package.parent / "templates")
    found = (_templates(place) for place in places if (place / "flow.yml.j2").is_file())
    return [kind for kind in next(found, []) if not kind.startswith("project/")]


def _templates(folder: Path) -> list[str]:
    files = folder.rglob("*.yml.j2")
    return sorted(file.relative_to(folder).as_posix().removesuffix(".yml.j2") for file in files)


SOURCES: dict[tuple[str, str], Callable[[Path, Sequence[str]], list[str]]] = {
    ("", "env"): _stems("environments"),
    ("", "home"): _stems("homes"),
    ("", "store"): _stems("stores"),
    ("", "flow"): _stems("flows"),
    ("go", "names"): _stems("flows"),
    ("verify", "names"): _stems("flows"),
    ("go", "exclude"): _stems("flows"),
    ("doctor", "names"): _connectors,
    ("types", "type_name"): _types("home", "store"),
    ("new home", "type_name"): _types("home"),
    ("new store", "type_name"): _types("store"),
    ("new template", "kind"): _ejectable,
    ("destroy", "name"): _removable,
    ("rename", "old"): _stems("flows"),
}
"""Functions that list the values of a parameter, by command and parameter."""
