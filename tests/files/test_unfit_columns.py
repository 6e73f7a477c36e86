from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from moves import a_request, store_at

from hygge.errors import StoreError
from hygge.values.model import Mode


def test_all_columns_that_a_store_cannot_hold_are_named_at_once(tmp_path: Path) -> None:
    schema = pa.schema(
        [("id", pa.int64()), ("raw", pa.binary()), ('of "it"', pa.list_(pa.int64()))]
    )
    with (
        store_at(tmp_path, "csv").open(a_request(Mode.REPLACE)) as target,
        pytest.raises(StoreError) as raised,
    ):
        target.accept(schema)
    assert raised.value.code == "HG535"
    assert "column 'raw' has the type binary, which *.csv files cannot represent exactly: " in str(
        raised.value.message
    )
    assert "; column 'of \"it\"' has the type list<" in raised.value.message
    assert 'select: ["-raw", "-of \\"it\\""]' in str(raised.value.hint)
