"""Delimited text as exports and people write it: read exactly, or refused with the way out."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from hygge.connector import HomeConfig, ProjectContext, ReadRequest
from hygge.errors import HomeError, LateTypeError

Rows = list[tuple[object, ...]]


def read(
    place: Path,
    content: bytes,
    *,
    name: str = "t.csv",
    aside: list[str] | None = None,
    **more: object,
) -> tuple[pa.Table, tuple[str, ...]]:
    """Return what is read of a file, as a flow reads it, and the remarks on it."""
    (place / name).write_bytes(content)
    home = HomeConfig.create({"type": "csv", "path": ".", **more}).home(ProjectContext(place))
    for thorough in (False, True):
        request = ReadRequest("t", thorough=thorough, quarantines=aside is not None)
        with home.open(request) as source:
            if aside is not None:
                aside.clear()
                source.put_aside = lambda where, line, why: aside.append(f"{where} {line!r} {why}")
            try:
                (split,) = source.splits(1)
                with source.read(split) as batches:
                    table = batches.read_all()
                return table, tuple(n for n in source.notes() if " is text because " not in n)
            except LateTypeError:
                assert not thorough
    raise AssertionError("unreachable")


def rows(table: pa.Table) -> Rows:
    return [tuple(row.values()) for row in table.to_pylist()]


def refusal(place: Path, content: bytes, **more: object) -> str:
    with pytest.raises(HomeError) as raised:
        read(place, content, **more)  # type: ignore[arg-type]
    assert raised.value.hint
    return f"{raised.value.message}\n{raised.value.hint}"


@pytest.mark.parametrize(
    ("content", "more", "expected"),
    [
        (b"id||name\n1||x\n", {"delimiter": "||"}, [(1, "x")]),
        (b'id||n\n1||"x||y"\n2||5" z\n', {"delimiter": "||"}, [(1, "x||y"), (2, '5" z')]),
        (b"id~|~n\n1~|~a,b\x1fc\n", {"delimiter": "~|~"}, [(1, "a,b\x1fc")]),
        ("id§n\n1§é\n".encode(), {"delimiter": "§"}, [(1, "é")]),
        (b"id\tn\n1\tx\n", {"delimiter": "tab"}, [(1, "x")]),
        (b"id\x01n\n1\x01x\n", {"delimiter": "\x01"}, [(1, "x")]),
        (b"id|n\n1|x\\|y\n", {"delimiter": "|", "escape": "\\"}, [(1, "x|y")]),
        (b'id||n\n1||"x\\"y"\n', {"delimiter": "||", "escape": "\\"}, [(1, 'x"y')]),
        (b"a,b\n1,'x, y'\n", {"quote": "'"}, [(1, "x, y")]),
        (b'a,b\n1,"x"y\n', {"quote": "none"}, [(1, '"x"y')]),
        (b'a,b\n"A" B,1\n"a, b",2\n', {"stray_quotes": "keep"}, [('"A" B', 1), ("a, b", 2)]),
        (b'a,b\n"x ""y"" z",1\n', {}, [('x "y" z', 1)]),
    ],
)  # fmt: skip
def test_marks_of_all_kinds_are_read_to_the_letter(
    tmp_path: Path, content: bytes, more: dict[str, object], expected: Rows
) -> None:
    table, remarks = read(tmp_path, content, **more)  # type: ignore[arg-type]
    assert (rows(table), remarks) == (expected, ())


@pytest.mark.parametrize(
    ("content", "place", "way_out"),
    [
        (b'a,b\n1,"he said \\"hi\\""\n', "line 2, byte 17", "escape"),
        (b'name,y\n"ANTON" GMBH,2012\n', "line 2, byte 14", "stray_quotes: keep"),
        (b'"Platz" Am Tor "Nord",1\n', "line 1, byte 7", "stray_quotes: keep"),
        (b'a,b\n1,"x"y"\n', "line 2, byte 9", "stray_quotes"),
        (b'a,b\n' + b'1,"x"\n' * 300_000 + b'2,"x" y\n', "line 300002", "stray_quotes"),
    ],
)  # fmt: skip
def test_text_after_a_closing_quote_is_refused_with_its_place(
    tmp_path: Path, content: bytes, place: str, way_out: str
) -> None:
    said = refusal(tmp_path, content)
    assert place in said
    assert "closing quote" in said
    assert way_out in said


@pytest.mark.parametrize(
    ("content", "mark"),
    [
        (b"id;amount;cur\n1;5;USD\n2;7;USD\n", ";"),
        (b"id;amount;cur\n1;5,5;USD\n2;7;USD\n", ";"),
        (b"id;amount;cur\n", ";"),
        (b"id\tname\n1\tx\n", "\\t"),
        (b"id|name\n1|x\n", "|"),
        (b"id||name\n1||x\n", "||"),
        (b"id\x01name\n1\x01x\n", "\\x01"),
        (b"# made by x\nid;name\n1;x\n", ";"),
        (b'"1"\t"A"\t"ABBOTT, AMELIA"\n"2"\t"B"\t"ABBOTT, BRIAN"\n', "\\t"),
        (b'id;name\n1;"a;b"\n2;c\n', ";"),
        (b"id;n\n1;x\n\nTotal: 1 row\n", ";"),
    ],
)
def test_a_file_that_another_delimiter_splits_is_refused(
    tmp_path: Path, content: bytes, mark: str
) -> None:
    assert f'delimiter: "{mark}"' in refusal(tmp_path, content)


def test_a_declared_delimiter_is_checked_by_the_header_only(tmp_path: Path) -> None:
    content = b"id,name\n1,x\n"
    assert 'delimiter: ","' in refusal(tmp_path, content, delimiter=";")
    kept, _ = read(tmp_path, content, delimiter=";", check_delimiter=False)
    assert kept.column_names == ["id,name"]
    lines, _ = read(tmp_path, content, delimiter=";", names=["line"], header=True)
    assert rows(lines) == [("1,x",)]
    assert "delimiter" in refusal(tmp_path, b"1;5,5;USD\n2;7,1;USD\n", header=False)


@pytest.mark.parametrize(
    "content",
    [
        b"full_name\nDoe; John\nRoe; Jane\n",
        b"id,tags\n1,a|b\n2,c|d\n",
        b'note\n"a;b"\n"c;d"\n',
        b"id,at\n1,10:20:30\n",
    ],
)
def test_other_marks_inside_of_values_are_no_reason_to_refuse(
    tmp_path: Path, content: bytes
) -> None:
    assert read(tmp_path, content)[0].num_rows in (1, 2)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("encoding", "more"), [("utf-8", {}), ("utf-8-sig", {}), ("utf-16", {"encoding": "utf-16"})]
)
@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
def test_a_first_line_of_excel_names_the_delimiter(
    tmp_path: Path, end: str, encoding: str, more: dict[str, object], first: str
) -> None:
    content = end.join([first, "id;name", "1;a,b", ""]).encode(encoding)
    table, _ = read(tmp_path, content, **more)  # type: ignore[arg-type]
    assert table.to_pydict() == {"id": [1], "name": ["a,b"]}
    skipped, _ = read(tmp_path, content, skip_rows=1, **more)  # type: ignore[arg-type]
    assert skipped.equals(table)


def test_a_delimiter_that_contradicts_the_first_line_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, b"sep=;\nid;name\n1;x\n", delimiter="|")
    assert "';'" in said
    assert "'|'" in said


@pytest.mark.parametrize("line", [b"# end\n", b"#\n", b"# end"])
def test_lines_that_begin_with_a_hash_are_comments_of_several_columns(
    tmp_path: Path, line: bytes
) -> None:
    table, remarks = read(tmp_path, b"# made by x\n\n# on 1 May\na,b\n1,2\n#x\n3,4\n" + line)
    assert rows(table) == [(1, 2), (3, 4)]
    assert remarks == (
        f"4 comment lines were ignored (first {tmp_path / 't.csv'}, line 1, byte 0)",
    )


def test_comments_can_be_declared_or_forbidden(tmp_path: Path) -> None:
    content = b"// made, by x\na,b\n1,2\n// 3,4\n5,//6\n"
    table, _ = read(tmp_path, content, comment="//")
    assert rows(table) == [(1, "2"), (5, "//6")]
    assert "2 fields for 1 column" in refusal(tmp_path, b"# x\na,b\n1,2\n", comment="none")
    assert read(tmp_path, b"#a,b\n1,2\n")[0].column_names == ["#a", "b"]
    one, _ = read(tmp_path, b"#a\n1\n#b\n")
    assert one.to_pydict() == {"#a": ["1", "#b"]}
    quoted, _ = read(tmp_path, b'a,b\n1,"x\n#y"\n', comment="#")
    assert rows(quoted) == [(1, "x\n#y")]


@pytest.mark.parametrize(
    "footer",
    [
        b"Total: 2 rows\n",
        b"Total: 2 rows",
        b"(2 rows)\n",
        b"\n(2 rows affected)\n\n",
        b"2 records\n",
        b"Row count: 2\n",
        b"Generated on 2024-01-05 10:00\n",
        b"----\nTotal: 99.5\n",
        b"End of file\n",
    ],
)
def test_a_last_line_that_can_be_no_row_is_a_footer(tmp_path: Path, footer: bytes) -> None:
    table, remarks = read(tmp_path, b"a,b\n1,2\n3,4\n" + footer)
    assert rows(table) == [(1, 2), (3, 4)]
    (remark,) = remarks
    assert "footer" in remark
    assert "line " in remark
    assert "1 field" in refusal(tmp_path, b"a,b\n1,2\n3,4\n" + footer, skip_footer=0)


@pytest.mark.parametrize("count", [1, 150, 50_000])
def test_comments_before_the_header_may_be_many(tmp_path: Path, count: int) -> None:
    table, remarks = read(tmp_path, b"# made by x\n" * count + b"a,b\n1,2\n")
    assert rows(table) == [(1, 2)]
    assert f"{count:,} comment line" in remarks[0]


@pytest.mark.parametrize("line", [b"   \n", b"\t\n", b"\x1a"])
def test_lines_of_spaces_and_the_end_mark_of_dos_are_blank(tmp_path: Path, line: bytes) -> None:
    table, remarks = read(tmp_path, b"a,b\n1,2\n" + line)
    assert (rows(table), remarks) == ([(1, 2)], ())


def test_a_footer_is_found_behind_many_rows(tmp_path: Path) -> None:
    table, _ = read(tmp_path, b"a,b\n" + b"1,12345\n" * 1_200_000 + b"(1200000 rows)\n")
    assert table.num_rows == 1_200_000


@pytest.mark.parametrize(
    "end",
    [b"5", b"5\n", b"A1003", b"x y", b"Total", b"Tot", b"a,b\n", b"(3 rows)\n", b"Total: 1 row\n"],
)
def test_a_row_that_may_be_cut_off_is_no_footer(tmp_path: Path, end: bytes) -> None:
    said = refusal(tmp_path, b"a,b,c\nx,2,3\ny,4,5\n" + end)
    assert "line 4, byte 18" in said


def test_a_footer_is_no_line_in_the_middle(tmp_path: Path) -> None:
    assert "line 3" in refusal(tmp_path, b"a,b\n1,2\nTotal: 1 row\n3,4\n")


@pytest.mark.parametrize("end", [b"x\n", b"x", b"x\n\n\n", b"x\r\n"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_footer_of_known_length_is_left_out(tmp_path: Path, end: bytes, count: int) -> None:
    body = b"a,b\n" + b"1,2\n" * 40_000 + b"q,r,s\n" * (count - 1)
    table, _ = read(tmp_path, body + end, skip_footer=count)
    assert table.num_rows == 40_000


@pytest.mark.parametrize(
    ("header", "row"),
    [("a,b,c,", "1,2,3"), ("a,b,c", "1,2,3,"), ("a,b,c,", "1,2,3,"), ("a,b,c,,,", "1,2,3,,,")],
)
@pytest.mark.parametrize("count", [1, 100_000])
def test_delimiters_after_the_last_column_are_left_out_where_all_rows_agree(
    tmp_path: Path, header: str, row: str, count: int
) -> None:
    content = "\n".join([header, *[row] * count, ""]).encode()
    table, (remark,) = read(tmp_path, content)
    assert table.column_names == ["a", "b", "c"]
    assert table.num_rows == count
    assert "after its last column" in remark


@pytest.mark.parametrize(
    "content",
    [
        b"a,b,c\n1,2,3,\n4,5,6\n",
        b"a,b,c,\n1,2,3,\n4,5,6,7\n",
        b"a,b,c,\n1,2,3,7\n4,5,6,\n",
        b"a,b,c\n1,2,3\n4,5,6,\n",
    ],
)
def test_delimiters_after_the_last_column_are_refused_in_doubt(
    tmp_path: Path, content: bytes
) -> None:
    refusal(tmp_path, content)


def test_delimiters_after_the_last_column_can_be_dropped_or_forbidden(tmp_path: Path) -> None:
    content = b"a,b\n1,2,,\n3,4\n5,6,\n"
    assert rows(read(tmp_path, content, trailing_delimiters="drop")[0]) == [(1, 2), (3, 4), (5, 6)]
    wrong = b"a,b\n1,2,3\n"
    assert "3 fields" in refusal(tmp_path, wrong, trailing_delimiters="drop")
    assert "3 fields" in refusal(tmp_path, b"a,b\n1,2,\n", trailing_delimiters="fail")


def test_spaces_around_quoted_values_are_left_out(tmp_path: Path) -> None:
    content = b'a, "b"\n1, "x, y" \n2,\t"z"\n3, "z" and\n4, z\n'
    table, remarks = read(tmp_path, content)
    assert table.column_names == ["a", "b"]
    assert rows(table) == [(1, "x, y"), (2, "z"), (3, ' "z" and'), (4, " z")]
    assert "2 rows have spaces around quoted values" in remarks[0]
    kept, _ = read(tmp_path, b'a,b\n1, "z"\n', spaces_around_quotes="keep")
    assert rows(kept) == [(1, ' "z"')]


def test_short_rows_can_be_filled(tmp_path: Path) -> None:
    content = b"a,b,c\n1,2,3\n4,5\n6\n7,8,9"
    said = refusal(tmp_path, content)
    assert "line 3" in said
    assert "short_rows: pad" in said
    table, _ = read(tmp_path, content, short_rows="pad")
    assert rows(table) == [(1, 2, 3), (4, 5, None), (6, None, None), (7, 8, 9)]
    assert "4 fields" in refusal(tmp_path, b"a,b,c\n1,2,3,4\n", short_rows="pad")


def test_lines_before_the_header_are_counted_in_the_hint(tmp_path: Path) -> None:
    assert "skip_rows: 2" in refusal(tmp_path, b"Extracted\nBy me\nid,name\n1,x\n")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["yes", "no"], [True, False]),
        (["Y", "n"], [True, False]),
        (["T", "f"], [True, False]),
        (["on", "OFF"], [True, False]),
        (["1", "0"], [True, False]),
        (["TRUE", "false"], [True, False]),
        (["", '""'], [None, None]),
    ],
)
def test_words_for_true_and_false_are_read_where_they_are_declared(
    tmp_path: Path, texts: list[str], expected: list[object]
) -> None:
    content = "id,v\n" + "".join(f"{n},{text}\n" for n, text in enumerate(texts))
    table, _ = read(tmp_path, content.encode(), types={"v": "bool"})
    assert table.column("v").to_pylist() == expected


def test_own_words_for_true_and_false_replace_the_usual_ones(tmp_path: Path) -> None:
    words = {"true_values": ["ja"], "false_values": ["nein"], "types": {"v": "bool"}}
    table, _ = read(tmp_path, b"v,w\nja,1\nnein,2\n", **words)  # type: ignore[arg-type]
    assert table.column("v").to_pylist() == [True, False]
    assert "'yes'" in refusal(tmp_path, b"v,w\nyes,1\n", **words)


@pytest.mark.parametrize("kind", ["int64", "float64", "decimal(9,2)", "date", "timestamp", "bool"])
def test_quotes_around_nothing_are_null_in_columns_of_other_types_than_text(
    tmp_path: Path, kind: str
) -> None:
    content = b'"id","x","s"\n"1","",""\n"2","",""\n'
    table, _ = read(tmp_path, content, types={"x": kind})
    assert table.column("x").to_pylist() == [None, None]
    assert table.column("s").to_pylist() == ["", ""]


@pytest.mark.parametrize(
    ("text", "more", "expected"),
    [
        ("81.591,85", {"decimal_point": ",", "thousands": "."}, "81591.85"),
        ("1.234.567,5", {"decimal_point": ",", "thousands": "."}, "1234567.50"),
        ("1,234.50", {"thousands": ","}, "1234.50"),
        ("-1,234", {"thousands": ","}, "-1234.00"),
        ("1 234.5", {"thousands": " "}, "1234.50"),
        ("1\u202f234.5", {"thousands": " "}, "1234.50"),
        ("1'234.5", {"thousands": "'"}, "1234.50"),
        ("12,34,567", {"thousands": ","}, "1234567.00"),
        ("$2.00", {"number_affixes": ["$"]}, "2.00"),
        ("-$2", {"number_affixes": ["$"]}, "-2.00"),
        ("$ -2", {"number_affixes": ["$"]}, "-2.00"),
        ("45%", {"number_affixes": ["%"]}, "45.00"),
        ("1,5 €", {"number_affixes": ["€"], "decimal_point": ","}, "1.50"),
        ("$1,234.50", {"number_affixes": ["$"], "thousands": ","}, "1234.50"),
        ("7", {"thousands": ","}, "7.00"),
    ],
)
def test_numbers_are_read_as_they_are_written(
    tmp_path: Path, text: str, more: dict[str, object], expected: str
) -> None:
    content = f"id;x;s\n1;{text};{text}\n2;{text};x\n".encode()
    declared = {"delimiter": ";", **more}
    table, _ = read(tmp_path, content, **declared, types={"x": "decimal(12,2)"})  # type: ignore[arg-type]
    assert table.column("x")[0].as_py() == Decimal(expected)
    assert table.column("s")[0].as_py() == text
    guessed, _ = read(tmp_path, content, **declared)  # type: ignore[arg-type]
    assert Decimal(str(guessed.column("x")[0].as_py())) == Decimal(expected)


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("1,234.50", 'thousands: ","'),
        ("81.591,85", 'thousands: "."  and  decimal_point: ","'),
        ("1,5", 'decimal_point: ","'),
        ("$2.00", 'number_affixes: ["$"]'),
        ("45%", 'number_affixes: ["%"]'),
    ],
)
def test_a_number_with_marks_names_the_option_that_reads_it(
    tmp_path: Path, text: str, way_out: str
) -> None:
    content = f"id;x\n1;2\n2;{text}\n".encode()
    for kind in ("float64", "decimal(9,2)"):
        said = refusal(tmp_path, content, delimiter=";", types={"x": kind})
        assert "line 3" in said
        assert way_out in said


@pytest.mark.parametrize("text", ["1,23", "1,2345", ",123", "1,,234", "12,3456.7"])
def test_digits_that_are_not_grouped_by_three_are_no_number(tmp_path: Path, text: str) -> None:
    content = f"id;x\n1;{text}\n".encode()
    more: dict[str, object] = {"delimiter": ";", "thousands": ","}
    assert "line 2" in refusal(tmp_path, content, **more, types={"x": "float64"})
    table, _ = read(tmp_path, content, **more)  # type: ignore[arg-type]
    assert table.column("x")[0].as_py() == text


@pytest.mark.parametrize(
    ("content", "first", "reads"),
    [
        ("id,n\n1,Bjørn\n".encode("latin-1"), "latin-1", "latin-1 'Bjørn'"),
        ("id,n\n1,José €\n".encode("cp1252"), "cp1252", "cp1252 'José €'"),
        ("id,n\n1,“x”\n".encode("cp1252"), "cp1252", "cp1252 '“x”'"),
        ("id,n\n1,Привет\n".encode("cp1251"), "cp1251", "cp1251 'Привет'"),
        ("id,n\n1,日本語\n".encode("shift_jis"), "shift_jis", "shift_jis '日本語'"),
    ],
)
def test_bytes_that_are_no_utf8_are_shown_as_likely_encodings_read_them(
    tmp_path: Path, content: bytes, first: str, reads: str
) -> None:
    said = refusal(tmp_path, content)
    assert "line 2" in said
    assert f"encoding: {first} " in said
    assert reads in said
    table, remarks = read(tmp_path, content, encoding=first)
    assert content.decode(first).split(",")[-1].strip() == table.column("n")[0].as_py()
    assert remarks == ()


def test_one_line_in_another_encoding_is_no_reason_to_change_that_of_the_file(
    tmp_path: Path,
) -> None:
    content = "id,n\n" + "".join(f"{n},José\n" for n in range(20))
    said = refusal(tmp_path, content.encode() + b"21,Jos\xe9\n")
    assert "line 22" in said
    assert "the rest of the file is UTF-8" in said


@pytest.mark.parametrize("encoding", ["latin-1", "iso-8859-15"])
def test_bytes_of_windows_are_remarked_on_where_another_encoding_is_declared(
    tmp_path: Path, encoding: str
) -> None:
    content = "id,n\n" + "".join(f"{n},x\n" for n in range(50_000))
    _, remarks = read(tmp_path, content.encode() + b"2,Jos\xe9 \x80\n", encoding=encoding)
    assert len(remarks) == 1
    assert "encoding: cp1252" in remarks[0]
    assert "cp1252 'José €'" in remarks[0]


def test_utf8_that_is_declared_as_something_else_is_remarked_on(tmp_path: Path) -> None:
    _, remarks = read(tmp_path, "id,n\n1,José\n".encode(), encoding="cp1252")
    assert "'José', as cp1252 'JosÃ©'" in remarks[0]


def test_lines_that_are_no_rows_are_put_aside(tmp_path: Path) -> None:
    content = b'a,b\n1,x\n2\nq,z\n"a"b,1\n7,\xff\n8,"",\n9,y\n'
    aside: list[str] = []
    table, _ = read(tmp_path, content, aside=aside, types={"a": "int64"})
    assert rows(table) == [(1, "x"), (9, "y")]
    path = tmp_path / "t.csv"
    assert sorted(aside) == sorted(
        [
            f"{path}, line 3, byte 8 b'2\\n' 1 field for 2 columns",
            f"{path}, line 4, byte 10 b'q,z\\n' column 'a': conversion error to int64: "
            "invalid value 'q'",
            f"{path}, line 5, byte 17 b'\"a\"b,1\\n' text after a closing quote",
            f"{path}, line 6, byte 23 b'7,\\xff\\n' bytes that are not UTF-8",
            f"{path}, line 7, byte 25 b'8,\"\",\\n' 3 fields for 2 columns",
        ]
    )


def test_a_quote_that_is_never_closed_ends_the_move_also_with_quarantine(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="not closed"):
        read(tmp_path, b'a,b\n1,"x\n2,y\n', aside=[])


@pytest.mark.parametrize(
    "settings",
    [
        {"thousands": "."} | {"decimal_point": "."},
        {"true_values": ["x"], "false_values": ["x"]},
        {"skip_footer": -1},
        {"comment": ""},
        {"short_rows": "drop"},
        {"number_affixes": ["("]},
        {"number_affixes": ["-"]},
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        HomeConfig.create({"type": "csv", "path": ".", **settings})
