"""Serialization of commits: how a store writes them beside its data and reads them."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hygge.values.model import Commit, Mode, Origin, ShapeRecord, Watermark
from hygge.values.receipts import dump_receipt, load_receipt

if TYPE_CHECKING:
    import pyarrow as pa

_OLD_POSITIONS = "ledger"
"""Key of positions in records before 0.1.0, which had positions of files only."""
_READABLE = 100
"""Up to so many positions are written uncompressed."""


def dump_commit(commit: Commit) -> dict[str, Any]:
    """Return a commit as JSON values."""
    watermark = None if commit.watermark is None else asdict(commit.watermark)
    later: dict[str, Any] = {}
    if commit.primary_key:
        later["primary_key"] = list(commit.primary_key)
    if commit.positions:
        later["positions"] = _dump_positions(commit.positions)
    if commit.undoes is not None:
        later["undoes"] = commit.undoes
    if commit.receipt is not None:
        later["receipt"] = dump_receipt(commit.receipt)
    if commit.shape is not None:
        later["shape"] = _dump_shape(commit.shape)
    if commit.masked:
        later["masked"] = list(commit.masked)
    return {
        "flow": commit.flow,
        "entity": commit.entity,
        "seq": commit.seq,
        "run_id": commit.run_id,
        "mode": commit.mode.value,
        "committed_at": commit.committed_at,
        "rows": commit.rows,
        "total_rows": commit.total_rows,
        "watermark": watermark,
        "schema": _dump_schema(commit.schema),
        **later,
    }


def load_commit(data: Mapping[str, Any]) -> Commit:
    """Return the commit of `dump_commit`.

    Raises `KeyError`, `TypeError` or `ValueError` for an invalid record.
    """
    watermark, receipt, shape = data["watermark"], data.get("receipt"), data.get("shape")
    return Commit(
        flow=data["flow"],
        entity=data["entity"],
        seq=int(data["seq"]),
        run_id=data["run_id"],
        mode=Mode(data["mode"]),
        rows=int(data["rows"]),
        total_rows=int(data["total_rows"]),
        schema=_load_schema(data["schema"]["ipc"]),
        committed_at=data["committed_at"],
        watermark=None if watermark is None else _load_watermark(watermark),
        primary_key=tuple(data.get("primary_key", ())),
        positions=_load_positions(data.get("positions", data.get(_OLD_POSITIONS, {}))),
        undoes=data.get("undoes"),
        receipt=None if receipt is None else load_receipt(receipt),
        shape=None if shape is None else _load_shape(shape),
        masked=tuple(data.get("masked", ())),
    )


def _dump_shape(shape: ShapeRecord) -> dict[str, Any]:
    columns = {
        name: {key: value for key, value in asdict(origin).items() if value}
        for name, origin in shape.columns.items()
    }
    return {"columns": columns, "select": list(shape.select), "rows": shape.rows}


def _load_shape(data: Mapping[str, Any]) -> ShapeRecord:
    columns = {name: Origin(**origin) for name, origin in data["columns"].items()}
    return ShapeRecord(columns, tuple(data["select"]), data["rows"])


def _load_watermark(data: Mapping[str, Any]) -> Watermark:
    ties = {name: tuple(data.get(name, ())) for name in ("ties", "ties_of")}
    return Watermark(data["column"], data["value"], data["type"], **ties)


def _dump_positions(positions: Mapping[str, str]) -> dict[str, str] | str:
    """Return a few positions as a mapping, and many compressed."""
    if len(positions) <= _READABLE:
        return dict(positions)
    text = json.dumps(positions, ensure_ascii=True, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode())).decode()


def _load_positions(data: Mapping[str, str] | str) -> dict[str, str]:
    if not isinstance(data, str):
        return dict(data)
    try:
        return dict(json.loads(zlib.decompress(base64.b64decode(data, validate=True))))
    except zlib.error as error:
        raise ValueError(f"its positions are damaged: {error}") from error


def _dump_schema(schema: pa.Schema) -> dict[str, Any]:
    columns = [
        {"name": field.name, "type": str(field.type), "nullable": field.nullable}
        for field in schema
    ]
    ipc = base64.b64encode(schema.serialize().to_pybytes()).decode()
    return {"columns": columns, "ipc": ipc}


def _load_schema(text: str) -> pa.Schema:
    import pyarrow as pa

    try:
        return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text, validate=True)))
    except pa.ArrowException as error:
        raise ValueError(f"its schema is damaged: {error}") from error
