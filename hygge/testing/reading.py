"""Reads a home without a flow, for the suites and for a connector's own tests."""

from __future__ import annotations

import pyarrow as pa

from hygge.connector import Home, ReadRequest, Source, Split


def read_split(source: Source, split: Split) -> pa.Table:
    """Return everything a split holds; asserts that the batches have the source's schema."""
    with source.read(split) as batches:
        assert batches.schema.equals(source.schema)
        return batches.read_all()


def read_all(source: Source, wanted: int = 1) -> pa.Table:
    """Return everything that an open source yields, its splits one after the other."""
    return pa.concat_tables([read_split(source, split) for split in source.splits(wanted)])


def read_entity(home: Home, entity: str, *, wanted: int = 1, batch_bytes: int = 2**20) -> pa.Table:
    """Return an entity as one table, its splits one after the other."""
    with home.open(ReadRequest(entity, batch_bytes=batch_bytes)) as source:
        return read_all(source, wanted)
