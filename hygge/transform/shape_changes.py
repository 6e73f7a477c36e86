"""Detection of changes in how a flow shapes rows, compared with those in its store.

Each commit records how its rows were shaped. A flow that appends or merges new rows keeps the old
ones, so a change of the flow needs a decision by the user. Changes of the home are the schema
contract's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from hygge.errors import FlowError
from hygge.settings.move import MoveSettings
from hygge.values.model import Commit, Mode, Origin, ShapeRecord
from hygge.values.plurals import plural
from hygge.values.requests import DELETED_AT

if TYPE_CHECKING:
    import pyarrow as pa


def record_of(
    settings: MoveSettings,
    sources: Mapping[str, str],
    metadata: Iterable[str],
    salt: bytes | None,
) -> ShapeRecord:
    """Return the record of how a flow with these settings shapes rows.

    `sources` maps names in the store to columns of the home; `metadata` are the added columns with
    time and run of a move.
    """
    columns: dict[str, Origin] = {}
    for name, source in sources.items():
        wanted = settings.columns.get(source)
        mask = "" if wanted is None or wanted.mask is None else _mask(wanted.mask, salt)
        kind = "" if wanted is None or wanted.type is None else wanted.type
        origin = Origin(source, mask, kind)
        if origin != Origin(name):
            columns[name] = origin
    for name, one in settings.columns.items():
        if one.compute is not None:
            columns[name] = Origin(made=f"compute:{_digest(one.compute)}", type=one.type or "")
        elif one.value is not None:
            columns[name] = Origin(made=f"value:{_digest(repr(one.value))}", type=one.type or "")
    columns |= {name: Origin(made="metadata") for name in metadata}
    chosen = [text or "" for text in (settings.query, settings.where)]
    rows = _digest("\0".join(chosen)) if any(chosen) else ""
    return ShapeRecord(columns, tuple(settings.select), rows)


def _mask(mask: str, salt: bytes | None) -> str:
    """Return a mask; of a hash with a digest of its salt."""
    if mask != "hash" or not salt:
        return mask
    key = hashlib.blake2b(salt).digest()
    return f"{mask}:{hashlib.blake2b(b'hygge', digest_size=6, key=key).hexdigest()}"


def _digest(text: str) -> str:
    """Return a digest of a text, which may contain values that a store must not receive."""
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def check_shape(
    settings: MoveSettings,
    flow: str,
    last: Commit | None,
    shape: ShapeRecord,
    *,
    offered: pa.Schema,
    home: Collection[str],
) -> None:
    """Raise `FlowError` with the choices where rows of `last` were shaped differently.

    `offered` is the schema that the store would hold now, `home` are all columns of the home. A
    commit without a record is not compared. A merge that reads the whole home rewrites all rows, so
    only rows that it would leave matter.
    """
    if last is None or last.shape is None or settings.mode is Mode.REPLACE or not last.total_rows:
        return
    found = list(_changes(last, last.shape, shape, offered=offered, home=home))
    if settings.mode is Mode.MERGE and settings.incremental is None:
        found = [] if settings.delete_missing else [one for one in found if one[0] in _OF_ROWS]
    if not found:
        return
    width = max(len(name) for name, _ in found)
    lines = [f"  {name.ljust(width)}  {what}" for name, what in found]
    raise FlowError(
        "the flow has changed and would produce other rows than the "
        f"{plural(last.total_rows, 'row')} in the store:\n" + "\n".join(lines),
        hint=_choices(settings, flow),
        code="HG585",
    )


_OF_ROWS = ("query, where",)


def _choices(settings: MoveSettings, flow: str) -> str:
    fill = f"rebuild those rows with  hygge go {flow} --backfill , "
    return (
        (fill if settings.mode is Mode.MERGE else "")
        + f"replace all rows with  hygge go {flow} --full-refresh , or keep those rows "
        f"unchanged with  hygge go {flow} --accept-changes"
    )


def _changes(
    last: Commit,
    old: ShapeRecord,
    new: ShapeRecord,
    *,
    offered: pa.Schema,
    home: Collection[str],
) -> Iterator[tuple[str, str]]:
    """Yield each column that the flow shapes differently, and how."""
    before = dict(_moved(last.schema.names, old))
    now = dict(_moved(offered.names, new))
    for name, origin in now.items():
        was = before.get(name)
        if was is None:
            if origin.made or not _selects(old.select, origin.source) or _is_in(before, origin):
                yield name, f"is new{_from(name, origin)}; those rows have no value for it"
        elif what := _difference(was, origin, home):
            yield name, what
        elif was.type != origin.type and name in last.schema.names:
            kinds = last.schema.field(name).type, offered.field(name).type
            if not kinds[0].equals(kinds[1]):
                yield name, f"changed from {kinds[0]} to {kinds[1]}"
    for name, origin in before.items():
        if name not in now and (origin.made or origin.source in home):
            yield name, "is no longer moved; those rows keep their values"
    if old.rows != new.rows:
        yield _OF_ROWS[0], "select other rows"


def _moved(names: Iterable[str], record: ShapeRecord) -> Iterator[tuple[str, Origin]]:
    """Yield the columns of the store that the flow wrote."""
    taken = {origin.source for origin in record.columns.values()}
    for name in names:
        if name in record.columns:
            yield name, record.columns[name]
        elif name != DELETED_AT and name not in taken and _selects(record.select, name):
            yield name, Origin(name)


def _selects(select: tuple[str, ...], source: str) -> bool:
    """Return whether `select` includes a column of the home."""
    is_out = bool(select) and all(name.startswith("-") for name in select)
    if not select or is_out:
        return f"-{source}" not in select
    return source in select


def _is_in(columns: Mapping[str, Origin], origin: Origin) -> bool:
    """Return whether the home's column was moved under another name."""
    return any(one.source == origin.source for one in columns.values())


def _from(name: str, origin: Origin) -> str:
    return f", from '{origin.source}'" if origin.source and origin.source != name else ""


def _difference(was: Origin, now: Origin, home: Collection[str]) -> str | None:
    """Return how a column is shaped differently; None where only its name in the home changed."""
    if was.made != now.made:
        kind = now.made.partition(":")[0]
        return "has another value" if kind == "value" else "is computed differently"
    if was.source != now.source and was.source in home:
        return f"now comes from '{now.source}', before from '{was.source}'"
    if was.mask != now.mask:
        return f"is {_masked(now.mask)}, before {_masked(was.mask, was=True)}"
    return None


def _masked(mask: str, *, was: bool = False) -> str:
    kind = mask.partition(":")[0]
    if not kind:
        return "plain" if was else "not masked"
    return f"masked by {kind}"
