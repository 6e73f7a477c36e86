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


class PageKeys(Settings):
    """How the next page is found: by `next`, `cursor`, `number` or `offset`."""

    next: Expression | None = None
    """JMESPath to the URL or path of the next page; null on the last one."""
    cursor: Expression | None = None
    """JMESPath to a value that requests the next page, null or empty on the last one:
    `meta.next`, or `data[-1].id` of the last row."""
    param: Name | None = None
    """Parameter of the URL that receives the cursor."""
    body: Name | None = None
    """Path in the request's body that receives the cursor: `variables.after`."""
    more: Expression | None = None
    """JMESPath to a boolean: whether there is a page after the cursor."""
    number: Name | None = None
    """Parameter of the URL that receives the number of the page."""
    first: Annotated[int, Field(ge=0)] = 1
    """Number of the first page."""
    last: Expression | None = None
    """JMESPath to the number of the last page."""
    offset: Name | None = None
    """Parameter of the URL that receives the number of rows before the page."""
    size: SizeParam | None = None
    """Parameter and number of rows of a page: `{per_page: 100}`."""
    until: Literal["empty", "short"] | None = None
    """Which page is the last one: an `empty` one, or the first with fewer rows than the first."""
    total: Expression | None = None
    """JMESPath to the number of rows of all pages; another number of rows fails the move."""

    @property
    def way(self) -> str:
        """How the next page is found: the key that says it."""
        return next(way for way in _WAYS if getattr(self, way) is not None)

    @model_validator(mode="after")
    def _fit(self) -> Self:
        ways = [way for way in _WAYS if getattr(self, way) is not None]
        if len(ways) != 1:
            raise ValueError(f"set one of {', '.join(_WAYS)}")
        (way,) = ways
        for other in sorted(self.model_fields_set - {way} - _WAYS[way]):
            raise ValueError(f"`{other}` cannot be combined with `{way}`")
        if way == "cursor" and (self.param is None) == (self.body is None):
            raise ValueError("set `param` or `body`: where the cursor goes in the next request")
        ends = {"number": ("until", "total", "last"), "offset": ("until", "total")}.get(way, ())
        if ends and sum(getattr(self, one) is not None for one in ends) != 1:
            raise ValueError(f"set one of {', '.join(ends)}: what ends the pages")
        return self


_WAYS = {
    "next": {"total"},
    "cursor": {"param", "body", "more", "total"},
    "number": {"first", "last", "size", "until", "total"},
    "offset": {"size", "until", "total"},
}
"""The keys that go with each way to the next page."""


def _shape(value: Any) -> str:  # noqa: ANN401
    return "<keys>" if isinstance(value, Mapping | PageKeys) else "<word>"


Pages = Annotated[
    Annotated[Literal["none", "link"], Tag("<word>")] | Annotated[PageKeys, Tag("<keys>")],
    Discriminator(_shape),
]
