"""What is no text is refused by name, and what is packed is read, whatever the file is called."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from hygge.connector import HomeConfig, ProjectContext
from hygge.errors import HomeError
from hygge.testing.reading import read_entity

ROWS = b"a,b\n1,x\n2,y\n"
LINES = b'{"a":1,"b":"x"}\n{"a":2,"b":"y"}\n'


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tarred(content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("x.csv")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def read(place: Path, content: bytes, name: str, **settings: object) -> dict[str, list[object]]:
    (place / name).write_bytes(content)
    kind = "jsonl" if ".json" in name else "csv"
    home = HomeConfig.create({"type": kind, "path": ".", **settings}).home(ProjectContext(place))
    found: dict[str, list[object]] = read_entity(home, "t").to_pydict()
    return found


@pytest.mark.parametrize(("plain", "ending"), [(ROWS, ".csv"), (LINES, ".jsonl")])
@pytest.mark.parametrize(
    "pack",
    [
        gzip.compress,
        bz2.compress,
        lzma.compress,
        lambda data: zipped(**{"folder/any.name": data, "__MACOSX/folder/._any.name": b"junk"}),
        lambda data: data,
    ],
    ids=["gzip", "bz2", "xz", "zip", "not packed"],
)
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst", ".bz2", ".xz", ".zip"])
def test_files_are_unpacked_as_their_bytes_say(
    tmp_path: Path, plain: bytes, ending: str, pack: object, suffix: str
) -> None:
    assert callable(pack)
    found = read(tmp_path, pack(plain), f"t{ending}{suffix}")
    assert found == {"a": [1, 2], "b": ["x", "y"]}


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>", "'Sign in'"),
        (b"\xef\xbb\xbf\n<html lang='en'>\n<body>", "web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML"),
        (b"<Error><Code>AccessDenied</Code></Error>", "XML"),
        (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
        (b"PAR1\x15\x04\x15\x0c", "Parquet"),
        (b"ARROW1\0\0\xff\xff\xff\xff", "Arrow"),
        (b"ORC\x08\x03\x10", "ORC"),
        (b"Obj\x01\x04\x14avro.codec", "Avro"),
        (b"SQLite format 3\0\x10\0", "SQLite"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".xls"),
        (zipped(**{"[Content_Types].xml": b"", "xl/workbook.xml": b""}), ".xlsx"),
        (zipped(mimetype=b"application/vnd.oasis.opendocument.spreadsheet"), ".ods"),
        (zipped(a=ROWS, b=ROWS), "zip archive with 2 files: a, b"),
        (zipped(), "zip archive with 0 files"),
        (tarred(ROWS), "tar archive"),
        (gzip.compress(gzip.compress(ROWS)), "twice"),
        (gzip.compress(zipped(a=ROWS)), "zip archive"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "7z"),
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"-----BEGIN PGP MESSAGE-----\n", "PGP"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "Git LFS"),
        (bytes(100), "zero bytes"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_is_no_text_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes, what: str
) -> None:
    with pytest.raises(HomeError) as raised:
        read(tmp_path, content, name)
    assert what in raised.value.message
    assert f"{tmp_path / name}" in raised.value.message
    assert raised.value.hint
    assert "encoding" not in raised.value.hint


@pytest.mark.parametrize(
    "header", ["PAR1", "ORC", "BZh", "GIF8", "Rar!", "PK", "<DATE>", "Obj", "{date}", "[id]"]
)
def test_names_that_begin_like_another_kind_of_file_are_names(tmp_path: Path, header: str) -> None:
    found = read(tmp_path, f"{header},<TIME>\n1,2\n".encode(), "t.csv")
    assert found == {header: [1], "<TIME>": [2]}


@pytest.mark.parametrize(
    "content",
    [
        b'{"error": "unauthorized"}\n',
        b'{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n',
        b'[{"a": 1}, {"a": 2}]\n',
        b"[\n",
        b"{}\n",
    ],
)
def test_json_is_no_header_of_delimited_text(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(HomeError, match="JSON"):
        read(tmp_path, content, "t.csv")


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-16", "utf-16"), ("utf-32", "utf-32"), ("utf-16-le", "utf-16-le"), ("utf-16-be", "-be")],
)
def test_wide_encodings_are_named(tmp_path: Path, encoding: str, said: str) -> None:
    with pytest.raises(HomeError) as raised:
        read(tmp_path, ROWS.decode().encode(encoding), "t.csv")
    assert f"encoding: {said}" in str(raised.value.hint) or said in str(raised.value.hint)
    assert read(tmp_path, ROWS.decode().encode(encoding), "t.csv", encoding=encoding)["a"] == [1, 2]


def test_a_mark_of_utf8_contradicts_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="mark of utf-8"):
        read(tmp_path, b"\xef\xbb\xbf" + ROWS, "t.csv", encoding="latin-1")


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_zip_is_refused(tmp_path: Path, damage: str) -> None:
    good = zipped(**{"x.csv": ROWS * 1000})
    middle = bytes([good[60] ^ 255])
    bad = good[:-10] if damage == "cut" else good[:60] + middle + good[61:]
    with pytest.raises(HomeError, match="damaged or truncated"):
        read(tmp_path, bad, "t.csv.zip")


def test_an_archive_of_one_file_of_the_type_is_an_entity(tmp_path: Path) -> None:
    (tmp_path / "backup.zip").write_bytes(zipped(a=ROWS, b=ROWS))
    (tmp_path / "others.zip").write_bytes(zipped(**{"x.json": LINES}))
    (tmp_path / "broken.zip").write_bytes(b"PK")
    assert read(tmp_path, zipped(**{"export.csv": ROWS}), "t.zip")["a"] == [1, 2]
    home = HomeConfig.create({"type": "csv", "path": "."}).home(ProjectContext(tmp_path))
    assert home.entities() == ["t"]
