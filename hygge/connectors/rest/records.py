"""Responses as rows: JSON parsed without losing a digit, and written as lines for the spool."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import jmespath
import msgspec

from hygge.connectors.rest.client import Answer, quoted
from hygge.errors import HomeError

Row = dict[str, Any]

_HEADER = re.compile(r"\{headers\.([^{}]+)\}")
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_MOST_KEYS = 12
_OTHERS = "*"


@dataclass(frozen=True, slots=True)
class Page:
    """One response with its rows."""

    answer: Answer
    document: Any
    """The parsed response; floats are `Decimal`."""
    rows: list[Row]

    def find(self, expression: str) -> Any:  # noqa: ANN401
        """Return what a JMESPath expression finds in the response; None for nothing."""
        return search(expression, self.document, self.answer.url)


def page_of(answer: Answer, records: str | None) -> Page:
    """Return the rows of a response, `records` of which are JMESPath to a list of objects.

    Raises `HomeError` for a response that is not JSON, reports errors, or has no such list.
    """
    if not answer.content.strip():
        if answer.status == 204:
            return Page(answer, None, [])
        raise HomeError(f"{answer.url}: the response is empty, and is not JSON")
    try:
        document = _decoder.decode(answer.content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        kind = answer.headers.get("content-type", "no content type")
        raise HomeError(
            f"{answer.url}: the response is not JSON ({kind}): {error}{quoted(answer.content)}",
            hint="check `path` in the home's file; some APIs need a header such as  "
            "headers: {Accept: application/json}",
        ) from error
    _check_errors(document, answer)
    found = document if records is None else search(records, document, answer.url)
    rows = [found] if isinstance(found, dict) else found
    if not isinstance(rows, list):
        raise HomeError(
            f"{answer.url}: the response has no list of records"
            f"{'' if records is None else f' at {records!r}'}{_keys(document)}",
            hint="set `records` in the home's file to the JMESPath of the list",
        )
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise HomeError(
                f"{answer.url}: record {number} is not an object{quoted(_encoder.encode(row))}",
                hint="set `records` in the home's file to the JMESPath of a list of objects; "
                "`[].{id: @}` makes an object of each value",
            )
    return Page(answer, document, rows)


def search(expression: str, document: Any, place: str) -> Any:  # noqa: ANN401
    """Return what a JMESPath expression finds; raise `HomeError` where it cannot be evaluated."""
    try:
        return jmespath.search(expression, document)
    except jmespath.exceptions.JMESPathError as error:
        reason = " ".join(str(error).split())
        raise HomeError(f"{place}: '{expression}' cannot be evaluated: {reason}") from error


def lines(
    page: Page, fields: Mapping[str, str], add: Mapping[str, Any], lacking: Iterable[str] = ()
) -> bytes:
    """Return the rows of a page as JSON lines, with nested columns as `fields` says.

    The first row is null in the columns `lacking` that it does not have.
    """
    added = {name: _added(value, page.answer) for name, value in add.items()}
    rows = page.rows
    if fields:
        rows = [_shaped(row, fields, page.answer.url) for row in rows]
    if added:
        for name in added:
            if any(name in row for row in rows):
                raise HomeError(
                    f"{page.answer.url}: the column '{name}' of `add` is also in the response",
                    hint="choose another name in `add`",
                )
        rows = [row | added for row in rows]
    if lacking:
        rows = [dict.fromkeys(lacking) | rows[0], *rows[1:]]
    return _encoder.encode_lines(rows).rstrip(b"\n")


def _added(value: object, answer: Answer) -> object:
    found = _HEADER.fullmatch(value) if isinstance(value, str) else None
    return value if found is None else answer.headers.get(found[1])


def _shaped(row: Row, fields: Mapping[str, str], place: str) -> Row:
    others = fields.get(_OTHERS)
    shaped: Row = {}
    for name, value in row.items():
        how = fields.get(name, others if isinstance(value, dict | list) else None)
        if how == "flatten" and isinstance(value, dict):
            for inner, member in value.items():
                _put(shaped, f"{name}_{inner}", member, place)
        elif how == "json" and value is not None:
            _put(shaped, name, _encoder.encode(value).decode(), place)
        elif how == "flatten" and value is None:
            continue
        else:
            _put(shaped, name, value, place)
    return shaped


def _put(row: Row, name: str, value: object, place: str) -> None:
    if name in row:
        raise HomeError(
            f"{place}: flattening makes two columns '{name}'",
            hint="keep one of them as JSON:  fields: {…: json}",
        )
    row[name] = value


def _check_errors(document: object, answer: Answer) -> None:
    """Raise for the errors of a GraphQL response, which has status 200."""
    if isinstance(document, dict) and document.get("errors") and "data" in document:
        said = quoted(_encoder.encode(document["errors"]))
        raise HomeError(f"{answer.url}: the response reports errors{said}")


def _keys(document: object) -> str:
    if not isinstance(document, dict):
        return ""
    names = list(document)
    more = ", …" if len(names) > _MOST_KEYS else ""
    return f"; its keys: {', '.join(names[:_MOST_KEYS])}{more}"
