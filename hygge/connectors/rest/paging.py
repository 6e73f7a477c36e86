"""What a home's file says of pages: how the next one is found, and when there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from hygge.values.described import Described


def check_expression(text: str) -> str:
    """Return a JMESPath expression; raise `ValueError` for an invalid one."""
    try:
        from jmespath import compile, exceptions
    except ImportError:  # the missing driver is reported on its own
        return text
    try:
        compile(text)
    except exceptions.JMESPathError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"'{text}' is not a JMESPath expression: {reason}") from error
    return text


Expression = Annotated[str, Field(min_length=1), AfterValidator(check_expression)]
"""A JMESPath expression over one response."""
Name = Annotated[str, Field(min_length=1)]
SizeParam = Annotated[dict[Name, Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=1)]


class Settings(Described):
    """A mapping inside the home's file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class NextPages(Settings):
    """The response contains the address of the next page."""

    next: Expression
    """JMESPath to the URL or path of the next page; null on the last one."""
    total: Expression | None = None
    """JMESPath to the number of rows of all pages; another number of rows fails the move."""


class CursorPages(Settings):
    """The response contains a value that requests the next page."""

    cursor: Expression
    """JMESPath to the cursor; null or empty on the last page. `data[-1].id`: of the last row."""
    param: Name | None = None
    """Parameter of the URL that receives the cursor."""
    body: Name | None = None
    """Path in the request's body that receives the cursor, such as `variables.after`."""
    more: Expression | None = None
    """JMESPath to a boolean: whether there is another page."""
    total: Expression | None = None
    """JMESPath to the number of rows of all pages; another number of rows fails the move."""

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if (self.param is None) == (self.body is None):
            raise ValueError("set `param` or `body`: where the cursor goes in the next request")
        return self


class CountedPages(Settings):
    """Pages that are requested by a number."""

    size: SizeParam | None = None
    """Parameter and number of rows of a page: `{per_page: 100}`."""
    total: Expression | None = None
    """JMESPath to the number of rows of all pages; another number of rows fails the move."""
    until: Literal["empty", "short"] | None = None
    """Which page is the last one: an `empty` one, or the first with fewer rows than those before.
    """

    @model_validator(mode="after")
    def _ends(self) -> Self:
        ends = self.ends()
        if sum(self.__dict__[name] is not None for name in ends) != 1:
            raise ValueError(f"set one of {', '.join(ends)}: what ends the pages")
        return self

    @classmethod
    def ends(cls) -> tuple[str, ...]:
        """Return the settings of which exactly one is set."""
        return ("total", "until")


class NumberPages(CountedPages):
    """Pages are numbered."""

    number: Name
    """Parameter of the URL that receives the number of the page."""
    first: Annotated[int, Field(ge=0)] = 1
    """Number of the first page."""
    last: Expression | None = None
    """JMESPath to the number of the last page."""

    @classmethod
    def ends(cls) -> tuple[str, ...]:
        """Return the settings of which exactly one is set."""
        return ("total", "last", "until")


class OffsetPages(CountedPages):
    """Pages begin at a row."""

    offset: Name
    """Parameter of the URL that receives the number of rows before the page."""


_KINDS = ("next", "cursor", "number", "offset")


def _kind(value: Any) -> str:  # noqa: ANN401
    """Return which kind of pages a mapping or a model describes."""
    if isinstance(value, Mapping):
        return next((kind for kind in _KINDS if kind in value), "word")
    return next((kind for kind in _KINDS if hasattr(type(value), "model_fields")
                 and kind in type(value).model_fields), "word")  # fmt: skip


Pages = Annotated[
    Annotated[Literal["none", "link"], Tag("word")]
    | Annotated[NextPages, Tag("next")]
    | Annotated[CursorPages, Tag("cursor")]
    | Annotated[NumberPages, Tag("number")]
    | Annotated[OffsetPages, Tag("offset")],
    Discriminator(_kind),
]
