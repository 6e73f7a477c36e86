from __future__ import annotations

import pyarrow as pa
import pytest

from hygge.connectors.files.local.disk import LocalFiles
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.fitting import Fitting, add_partitions, row_width, sliced
from hygge.connectors.files.reading.schemas import unify
from hygge.errors import HomeError
from hygge.testing.cases import CASES
from hygge.types.widening import wider

FILE = DataFile(LocalFiles(), "/x/a.dat", 1, 1, "1")

WIDER = [
    (pa.int8(), pa.int32(), pa.int32()),
    (pa.int32(), pa.int64(), pa.int64()),
    (pa.uint8(), pa.int8(), pa.int16()),
    (pa.uint32(), pa.int8(), pa.int64()),
    (pa.int16(), pa.float32(), pa.float32()),
    (pa.int32(), pa.float32(), pa.float64()),
    (pa.float32(), pa.float64(), pa.float64()),
    (pa.decimal128(5, 2), pa.decimal128(9, 4), pa.decimal128(9, 4)),
    (pa.decimal128(38, 0), pa.decimal128(38, 18), pa.decimal256(56, 18)),
    (pa.int32(), pa.decimal128(5, 2), pa.decimal128(12, 2)),
    (pa.timestamp("s"), pa.timestamp("us"), pa.timestamp("us")),
    (pa.timestamp("ms", "UTC"), pa.timestamp("s", "+00:00"), pa.timestamp("ms", "UTC")),
    (pa.time32("s"), pa.time64("ns"), pa.time64("ns")),
    (pa.duration("s"), pa.duration("ms"), pa.duration("ms")),
    (pa.null(), pa.string(), pa.string()),
    (pa.string(), pa.large_string(), pa.large_string()),
    (pa.binary(3), pa.binary(4), pa.binary()),
    (pa.dictionary(pa.int32(), pa.string()), pa.string(), pa.string()),
    (pa.list_(pa.int32()), pa.list_(pa.int64()), pa.list_(pa.int64())),
    (
        pa.struct([("a", pa.int32())]),
        pa.struct([("a", pa.int64()), ("b", pa.string())]),
        pa.struct([("a", pa.int64()), ("b", pa.string())]),
    ),
    (
        pa.map_(pa.string(), pa.int32()),
        pa.map_(pa.string(), pa.int64()),
        pa.map_(pa.string(), pa.int64()),
    ),
]
NOTHING = [
    (pa.string(), pa.int64()),
    (pa.int64(), pa.float64()),
    (pa.uint64(), pa.int64()),
    (pa.timestamp("us"), pa.timestamp("us", "UTC")),
    (pa.timestamp("us", "Europe/Oslo"), pa.timestamp("us", "UTC")),
    (pa.date32(), pa.timestamp("us")),
    (pa.string(), pa.binary()),
    (pa.bool_(), pa.int8()),
    (pa.decimal128(9, 2), pa.float64()),
    (pa.decimal256(76, 0), pa.decimal256(76, 76)),
    (pa.list_(pa.string()), pa.string()),
    (pa.struct([("a", pa.int32())]), pa.struct([("a", pa.string())])),
    (pa.uuid(), pa.binary(16)),
]


@pytest.mark.parametrize(("one", "two", "expected"), WIDER, ids=str)
def test_types_widen_where_every_value_stays_exact(
    one: pa.DataType, two: pa.DataType, expected: pa.DataType
) -> None:
    assert wider(one, two) == expected
    assert wider(two, one) in (expected, pa.timestamp("ms", "+00:00"), _swapped(expected))


def _swapped(kind: pa.DataType) -> pa.DataType:
    return pa.struct(list(kind)[::-1]) if pa.types.is_struct(kind) else kind


@pytest.mark.parametrize(("one", "two"), NOTHING, ids=str)
def test_types_without_a_common_one_are_told(one: pa.DataType, two: pa.DataType) -> None:
    assert wider(one, two) is None
    assert wider(two, one) is None


@pytest.mark.parametrize("case", CASES)
def test_a_type_is_as_wide_as_itself_and_wider_than_null(case: str) -> None:
    kind = CASES[case]().type
    assert wider(kind, kind) == wider(kind, pa.null()) == wider(pa.null(), kind) == kind


@pytest.mark.parametrize(("one", "two", "expected"), WIDER, ids=str)
def test_a_narrow_column_is_fitted_to_the_wide_one(
    one: pa.DataType, two: pa.DataType, expected: pa.DataType
) -> None:
    for kind in (one, two):
        values = pa.nulls(2, kind)
        fitted = Fitting(pa.schema([("v", expected)]), FILE).fit(
            pa.RecordBatch.from_arrays([values], ["v"])
        )
        assert fitted.schema == pa.schema([("v", expected)])
        assert fitted.column(0).null_count == 2


def test_values_survive_the_fit() -> None:
    schema = pa.schema(
        [
            ("n", pa.decimal128(12, 2)),
            ("s", pa.struct([("a", pa.int64()), ("b", pa.string())])),
            ("l", pa.list_(pa.int64())),
            ("t", pa.timestamp("us")),
            ("d", pa.string()),
            ("gone", pa.string()),
        ]
    )
    batch = pa.RecordBatch.from_pydict(
        {
            "l": pa.array([[1, None], None], pa.list_(pa.int32())),
            "d": pa.array(["x", None]).dictionary_encode(),
            "s": pa.array([{"a": 1}, None], pa.struct([("a", pa.int32())])),
            "n": pa.array([-7, None], pa.int32()),
            "t": pa.array([-1, None], pa.timestamp("s")),
        }
    )
    fitted = Fitting(schema, FILE).fit(batch)
    assert fitted.schema == schema
    assert [str(v) for v in fitted.column("n")] == ["-7.00", "None"]
    assert fitted.column("s").to_pylist() == [{"a": 1, "b": None}, None]
    assert fitted.column("l").to_pylist() == [[1, None], None]
    assert str(fitted.column("t")[0]) == "1969-12-31 23:59:59"
    assert fitted.column("d").to_pylist() == ["x", None]
    assert fitted.column("gone").to_pylist() == [None, None]


def test_a_value_that_overflows_the_finer_unit_names_file_and_column() -> None:
    schema = pa.schema([("t", pa.timestamp("ns"))])
    batch = pa.RecordBatch.from_pydict({"t": pa.array([2**40], pa.timestamp("s"))})
    with pytest.raises(HomeError, match=r"a\.dat: column 't' is timestamp\[s\] in this file"):
        Fitting(schema, FILE).fit(batch)


def test_columns_are_unified_by_name() -> None:
    one = pa.schema([pa.field("a", pa.int32(), nullable=False), ("b", pa.string())])
    two = pa.schema([("c", pa.bool_()), pa.field("a", pa.int64(), nullable=False)])
    both = unify([("one", one), ("two", two), ("again", one)])
    assert both == pa.schema(
        [
            pa.field("a", pa.int64(), nullable=False),
            ("b", pa.string()),
            pa.field("c", pa.bool_()),
        ]
    )


def test_a_column_that_a_later_file_lacks_becomes_nullable() -> None:
    one = pa.schema([pa.field("a", pa.int32(), nullable=False)])
    two = pa.schema([pa.field("b", pa.int32(), nullable=False)])
    assert all(field.nullable for field in unify([("one", one), ("two", two)]))


def test_metadata_stays_where_all_agree() -> None:
    one = pa.schema([("a", pa.int32())], metadata={"k": "v", "n": "1"})
    two = pa.schema([("a", pa.int32())], metadata={"k": "v", "n": "2"})
    assert unify([("one", one), ("two", two)]).metadata == {b"k": b"v"}


def test_a_conflict_names_both_files_and_the_column() -> None:
    one, two = pa.schema([("a", pa.int32())]), pa.schema([("a", pa.string())])
    with pytest.raises(HomeError, match="column 'a' is int32 in one but string in two"):
        unify([("one", one), ("same", one), ("two", two)])


def test_doubled_and_colliding_names_are_refused() -> None:
    doubled = pa.schema([("a", pa.int32()), ("a", pa.int32())])
    with pytest.raises(HomeError, match="one has more than one column 'a'"):
        unify([("one", doubled)])
    lower, upper = pa.schema([("id", pa.int32())]), pa.schema([("ID", pa.int32())])
    with pytest.raises(HomeError, match="column 'id' of one has another spelling in two: 'ID'"):
        unify([("one", lower), ("two", upper)])
    both = pa.schema([("id", pa.int32()), ("ID", pa.int32())])
    assert unify([("one", both), ("two", both)]) == both


def _files(*values: str | None) -> list[DataFile]:
    return [
        DataFile(LocalFiles(), "/x/a.dat", 1, 1, "1", partitions=(("p", value),))
        for value in values
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("1", "22", "-3", None), pa.int64()),
        (("01", "2"), pa.string()),
        (("9223372036854775807", "-9223372036854775808"), pa.int64()),
        (("9223372036854775808",), pa.string()),
        (("-0",), pa.string()),
        (("+1",), pa.string()),
        (("٣",), pa.string()),
        (("1 ",), pa.string()),
        (("",), pa.string()),
    ],
)
def test_folder_values_are_integers_only_when_all_are(
    values: tuple[str | None, ...], expected: pa.DataType
) -> None:
    schema = add_partitions(pa.schema([("a", pa.int32())]), _files(*values))
    assert schema.field("p").type == expected
    batch = pa.RecordBatch.from_pydict({"a": pa.array([1, 2], pa.int32())})
    for file, value in zip(_files(*values), values, strict=True):
        typed = int(value) if value is not None and expected == pa.int64() else value
        assert Fitting(schema, file).fit(batch).column("p").to_pylist() == [typed, typed]


def test_a_column_in_files_and_folders_must_hold_what_the_folder_says() -> None:
    schema = add_partitions(pa.schema([("p", pa.int32())]), _files("1", None, "x"))
    assert schema == pa.schema([("p", pa.int32())])
    one, null, text = (Fitting(schema, file) for file in _files("1", None, "x"))
    good = pa.record_batch({"p": pa.array([1, 1], pa.int32())})
    assert one.fit(good) == good
    bad = pa.record_batch({"p": pa.array([1, 2], pa.int32())})
    with pytest.raises(
        HomeError, match="column 'p' contains 2, but the name of its folder has '1'"
    ):
        one.fit(bad)
    with pytest.raises(HomeError, match="contains None, but the name of its folder has '1'"):
        one.fit(pa.record_batch({"p": pa.array([1, None], pa.int32())}))
    with pytest.raises(HomeError, match="contains 1, but the name of its folder has None"):
        null.fit(good)
    with pytest.raises(HomeError, match="contains 1, but the name of its folder has 'x'"):
        text.fit(good)


def test_large_batches_are_sliced_and_wide_rows_stand_alone() -> None:
    batch = pa.RecordBatch.from_pydict({"a": ["x" * 1000] * 100})
    parts = list(sliced(batch, 10_000))
    assert pa.Table.from_batches(parts).to_pydict() == batch.to_pydict()
    assert 8 <= len(parts) <= 13
    assert [part.num_rows for part in sliced(batch, 1)] == [1] * 100


def test_a_large_dictionary_does_not_make_rows_wide() -> None:
    words = pa.array([f"word {n}" * 10 for n in range(10_000)])
    array = pa.DictionaryArray.from_arrays(pa.array([1, 2, 3], pa.int32()), words)
    assert row_width(pa.RecordBatch.from_arrays([array], ["a"])) < 10
