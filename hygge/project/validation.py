"""Validation of nodes by pydantic models, with errors at their positions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from hygge.project.diagnostics import (
    GUESSES,
    Diagnostic,
    diagnostic,
    did_you_mean,
    is_sensitive,
    near,
)
from hygge.project.nodes import Node, Span, find, plain, scalars, walk
from hygge.project.variables import is_marked, unmarked
from hygge.values.described import description_of, first_sentence
from hygge.values.locations import RemotePathError
from hygge.values.plurals import plural
from hygge.values.redact import redact

Annotation = Any
_Error = Any  # the mappings of ValidationError.errors()
M = TypeVar("M", bound=BaseModel)

_OTHER_WORDS = {
    "source": "home",
    "src": "home",
    "tap": "home",
    "from": "home",
    "destination": "store",
    "dest": "store",
    "target": "store",
    "sink": "store",
    "to": "store",
    "table": "entity",
    "tables": "entities",
    "streams": "entities",
    "as": "into",
    "sql": "query",
    "filter": "where",
    "write_disposition": "mode",
    "strategy": "mode",
    "depends_on": "after",
    "needs": "after",
    "key": "primary_key",
    "keys": "primary_key",
    "workers": "concurrency",
    "threads": "concurrency",
}


def validate(model: type[M], node: Node, subject: str) -> tuple[M | None, list[Diagnostic]]:
    """Return the model for `node`, or None and diagnostics.

    `subject` completes "keys of …". Unknown values are never wrong; when one of them prevents
    building the model, both results are empty.
    """
    findings = _Findings(model, node, subject)
    flags = findings.flags_for_numbers()
    try:
        made = model.model_validate(plain(node))
    except ValidationError as error:
        return None, [*findings.diagnostics(error), *flags]
    return (None if flags else made), flags


@cache
def secret_keys(model: type[BaseModel]) -> frozenset[str]:
    """Return the keys of `model` that hold secrets."""
    found = set()
    for name, info in model.model_fields.items():
        if any(part in (SecretStr, SecretBytes) for part in _parts(info.annotation)):
            found |= {name, info.alias or name}
    return frozenset(found)


def secrets_at(model: type[BaseModel], loc: Sequence[int | str]) -> frozenset[str]:
    """Return which keys on the path `loc` contain secrets."""
    inner = _model_at(model, loc[:-1])
    keys = secret_keys(model) | (secret_keys(inner) if inner else frozenset())
    return keys & {str(step) for step in loc}


def is_misplaced(model: type[BaseModel], loc: Sequence[int | str]) -> bool:
    """Return whether `loc` contains an unknown key beside keys with secrets.

    It may be a misspelled secret.
    """
    for position, step in enumerate(loc):
        owner = _model_at(model, loc[:position]) if isinstance(step, str) else None
        if owner is None:
            continue
        known = {*owner.model_fields, *(info.alias for info in owner.model_fields.values())}
        if step not in known and (secret_keys(owner) or secret_keys(model)):
            return True
    return False


@cache
def keys_of(model: type[BaseModel]) -> list[str]:
    """Return the keys of a model: `type`, its own, then inherited ones."""
    own = model.__annotations__
    rank = {name: (name != "type", name not in own) for name in model.model_fields}
    fields = sorted(model.model_fields.items(), key=lambda item: rank[item[0]])
    return [info.alias or name for name, info in fields]


def _parts(annotation: Annotation) -> Iterable[Annotation]:
    """Yield a type and every type inside it: of unions, lists, mappings and annotations."""
    yield annotation
    origin: Annotation = get_origin(annotation)
    if origin is Annotated:
        yield from _parts(get_args(annotation)[0])
    elif origin in (Union, UnionType, dict, list, tuple, set, frozenset, Mapping):
        for part in get_args(annotation):
            yield from _parts(part)


def _model_at(model: type[BaseModel], loc: Iterable[int | str]) -> type[BaseModel] | None:
    """Return the model of the mapping at `loc`, as far as types determine it."""
    current: type[BaseModel] | None = model
    for step in loc:
        if not isinstance(step, str) or current is None:
            continue
        names = {info.alias or name: info for name, info in current.model_fields.items()}
        info = names.get(step) or current.model_fields.get(step)
        if info is None:
            continue
        inner = [p for p in _parts(info.annotation) if isinstance(p, type)]
        current = next((p for p in inner if issubclass(p, BaseModel)), None)
    return current


def _types_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> set[Annotation]:
    """Return the possible types of a value, all of a union; empty where unknown."""
    owner = _model_at(model, loc[:-1])
    fields = owner.model_fields.items() if owner else ()
    infos = [info for name, info in fields if loc[-1] in (name, info.alias)]
    return {part for info in infos for part in _parts(info.annotation) if isinstance(part, type)}


@dataclass(slots=True)
class _Wrong:
    """All pydantic errors of one value."""

    node: Node
    key: str
    reasons: list[str]
    help: str
    is_secret: bool


class _Findings:
    """Converts the errors of one validation to diagnostics, one per error."""

    def __init__(self, model: type[BaseModel], node: Node, subject: str) -> None:
        self.model = model
        self.node = node
        self.subject = subject

    def diagnostics(self, error: ValidationError) -> list[Diagnostic]:
        errors: list[_Error] = [_untagged(one) for one in error.errors(include_url=False)]
        hidden = [self._place(e["loc"])[0] for e in errors if _is_unknown(e)]
        unknown = [e for e in errors if e["type"] == "extra_forbidden"]
        missing = [e for e in errors if e["type"] == "missing"]
        others = [
            e
            for e in errors
            if e["type"] not in ("extra_forbidden", "missing")
            and not _is_unknown(e)
            and not self._is_open(e["loc"], hidden)
        ]
        guesses = [self._meant(e["loc"]) for e in unknown[:GUESSES]]
        guesses += [None] * (len(unknown) - len(guesses))
        found = [self._unknown(e["loc"], guess) for e, guess in zip(unknown, guesses, strict=True)]
        meant = {(e["loc"][:-1], guess) for e, guess in zip(unknown, guesses, strict=True)}
        found += [
            self._missing(e["loc"])
            for e in missing
            if (e["loc"][:-1], str(e["loc"][-1])) not in meant
        ]
        return found + [self._value(wrong) for wrong in self._grouped(others)]

    def _place(self, loc: tuple[int | str, ...]) -> tuple[tuple[int | str, ...], bool]:
        """Return an error's node, and whether it concerns only one of several types."""
        _, rest = find(self.node, loc)
        return loc[: len(loc) - len(rest)], bool(rest)

    def _is_open(self, loc: tuple[int | str, ...], hidden: Sequence[tuple[int | str, ...]]) -> bool:
        """Return whether another type may match once a variable inside the value is known."""
        place, is_one_of_several = self._place(loc)
        return is_one_of_several and any(inner[: len(place)] == place for inner in hidden)

    def flags_for_numbers(self) -> list[Diagnostic]:
        """Reject `true` and `false` for numbers, which pydantic accepts as 1 and 0."""
        found: list[Diagnostic] = []
        if bool not in map(type, scalars(self.node)):
            return found
        for loc, leaf in walk(self.node):
            types = _types_at(self.model, loc) if isinstance(leaf.value, bool) else set()
            if types & {int, float} and bool not in types:
                reason = "must be a whole number" if int in types else "must be a number"
                found.append(
                    self._value(_Wrong(leaf, _words(loc), [reason], self._about(loc), False))
                )
        return found

    def _keys(self, loc: tuple[int | str, ...]) -> list[str]:
        model = _model_at(self.model, loc[:-1])
        return keys_of(model) if model else []

    def _meant(self, loc: tuple[int | str, ...]) -> str | None:
        wrong, keys = str(loc[-1]), self._keys(loc)
        other = _OTHER_WORDS.get(wrong.casefold())
        return other if other in keys else near(wrong, keys)

    def _unknown(self, loc: tuple[int | str, ...], meant: str | None) -> Diagnostic:
        node, _ = find(self.node, loc)
        guess = f"; did you mean '{meant}'?" if meant else ""
        owner = self.subject if len(loc) == 1 else f"'{_words(loc[:-1])}'"
        help_text = f"keys of {owner}: {', '.join(self._keys(loc))}"
        message = f"unknown key '{loc[-1]}'{guess}"
        return diagnostic("HG102", message, node.key or node.span, help_text)

    def _missing(self, loc: tuple[int | str, ...]) -> Diagnostic:
        node, _ = find(self.node, loc[:-1])
        owner = self.subject if len(loc) == 1 else f"'{_words(loc[:-1])}'"
        message = f"{owner} requires the key '{loc[-1]}'"
        return diagnostic("HG105", message, node.anchor, self._about(loc) or f"{loc[-1]}: …")

    def _about(self, loc: tuple[int | str, ...]) -> str:
        """Return the description of the key at `loc`, or an empty string."""
        names = [step for step in loc if isinstance(step, str)]
        while names:
            model = _model_at(self.model, names[:-1])
            keys = {i.alias or n: n for n, i in model.model_fields.items()} if model else {}
            key = keys.get(names[-1])
            description = description_of(model, key) if model and key else None
            if description:
                return f"{names[-1]}: {first_sentence(description)}"
            names.pop()
        return ""

    def _grouped(self, errors: list[_Error]) -> list[_Wrong]:
        """Group pydantic's errors by value; there may be one for each possible type."""
        groups: dict[Span, _Wrong] = {}
        for error in _of_the_right_shape(errors):
            node, rest = find(self.node, error["loc"])
            loc = error["loc"][: len(error["loc"]) - len(rest)]
            key = _words(loc) or self.subject
            secret = bool(secrets_at(self.model, loc)) or is_sensitive(key)
            new = _Wrong(node, key, [], self._about(loc), secret)
            wrong = groups.setdefault(node.span, new)
            reason = _reason(error)
            if reason not in wrong.reasons:
                wrong.reasons.append(reason)
        return list(groups.values())

    def _value(self, wrong: _Wrong) -> Diagnostic:
        value, choices = wrong.node.value, _choices(wrong.reasons)
        reason = _one_reason(wrong)
        if value is None:
            message = f"'{wrong.key}' has no value: {reason}"
        elif wrong.is_secret or not isinstance(value, str | int | float):
            message = f"'{wrong.key}': {reason}"
        else:
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            shown = wrong.node.written or shown
            message = f"'{wrong.key}' cannot be '{_short(shown)}': {reason}"
            message += did_you_mean(shown, [one for one in choices if one != shown])
        quote = ""
        if reason == "must be text" and isinstance(value, int | float):
            quote = f"write it in quotes: '{value}'"
        return diagnostic(
            "HG106", redact(unmarked(message)), wrong.node.anchor, quote or wrong.help
        )


def _untagged(error: _Error) -> _Error:
    """Return an error whose place is one in YAML, without tags such as `<keys>`.

    pydantic names the branch of a tagged union in it; connectors write their tags in brackets.
    """
    loc = error["loc"]
    return {**error, "loc": tuple(step for step in loc if not str(step).startswith("<"))}


def _of_the_right_shape(errors: Sequence[_Error]) -> list[_Error]:
    """Return errors without those of types that do not match the value's shape."""
    own = {e["loc"][:1] for e in errors if e["type"] in ("value_error", *_LENGTHS)}
    return [e for e in errors if e["loc"][:1] not in own or not _is_of_shape(e["type"])]


def _is_of_shape(kind: str) -> bool:
    return kind in _REASONS and kind.endswith("_type")


def _one_reason(wrong: _Wrong) -> str:
    """Return all errors of a value as one clause, without secret values."""
    first, *more = wrong.reasons
    reason = " or ".join([first, *(other.removeprefix("must be ") for other in more)])
    text = wrong.node.text
    return reason.replace(text, "…") if text and (wrong.node.written or wrong.is_secret) else reason


def _is_unknown(error: _Error) -> bool:
    """Return whether an unknown variable may be the only cause.

    The shape of a list or mapping with a variable is known; only errors of a connector's validators
    may come from the variable.
    """
    is_text = isinstance(error["input"], str)
    is_own = error["type"] in ("value_error", "assertion_error")
    if isinstance(error.get("ctx", {}).get("error"), RemotePathError):
        return False
    return (is_text or is_own) and is_marked(error["input"])


def _short(text: str) -> str:
    line = text if text.isprintable() else repr(text)[1:-1]
    return line if len(line) <= 60 else line[:57] + "…"


def _words(loc: Iterable[int | str]) -> str:
    """Format a path: `entities[2].mode`."""
    text = ""
    for step in loc:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return text


_REASONS = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must be a mapping",
    "mapping_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "set_type": "must be a list",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "finite_number": "must be a finite number",
    "string_unicode": "must be text",
    "bytes_type": "must be text",
    "date_type": "must be a date",
    "datetime_type": "must be a date with a time",
    "url_type": "must be a URL",
    "url_parsing": "must be a URL",
    "path_type": "must be a path",
}
_LENGTHS = {
    "too_short": ("at least", "min_length"),
    "string_too_short": ("at least", "min_length"),
    "too_long": ("at most", "max_length"),
    "string_too_long": ("at most", "max_length"),
}
_QUOTED = re.compile(r"'([^']*)'")


def _reason(error: _Error) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("literal_error", "enum"):
        return f"must be {context['expected']}"
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']}"
    if kind == "greater_than":
        return f"must be more than {context['gt']}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']}"
    if kind == "less_than":
        return f"must be less than {context['lt']}"
    if kind == "multiple_of":
        return f"must be a multiple of {context['multiple_of']}"
    if kind == "string_pattern_mismatch":
        return f"must match {context['pattern']}"
    if kind in _LENGTHS and context.get("min_length") != 1:
        word, bound = _LENGTHS[kind]
        unit = "character" if isinstance(error["input"], str) else "item"
        return f"must have {word} {plural(context[bound], unit)}"
    if kind in ("value_error", "assertion_error"):
        return str(context.get("error", error["msg"]))
    return _REASONS.get(kind) or _plain(str(error["msg"]))


def _plain(text: str) -> str:
    """Return pydantic's message as the end of a sentence."""
    text = re.sub(r"^(?:Input|Value|String|List|Tuple|Set|Dictionary) should ", "must ", text)
    return text[:1].lower() + text[1:]


def _choices(reasons: Iterable[str]) -> list[str]:
    said = (reason for reason in reasons if reason.startswith("must be '"))
    return [name for reason in said for name in _QUOTED.findall(reason)]
