"""Guesses of the encoding of bytes that are invalid in UTF-8."""

from __future__ import annotations

import codecs
import re

_SAMPLED_BYTES = 2**20
_AROUND = 16
_C1 = re.compile(rb"[\x80-\x9f]")
_NOT_IN_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_UTF8 = re.compile(rb"[\xc3-\xf4][\x80-\xbf]+")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_BREAKS = b',;\t|"\r\n'
_CANDIDATES = ("cp1252", "cp1250", "cp1251", "cp850", "mac-roman", "shift_jis", "gb18030")
_MAX_SHOWN = 4
_CYRILLIC = re.compile(rb"[\xc0-\xff]{4}")
_KANA = re.compile("[\u3041-\u30fe\u4e00-\u9fff]{2}")


def encoding_hint(data: bytes, place: int) -> str:
    """Return the hint for an invalid byte: its reading in each likely encoding."""
    near = data[max(place - _SAMPLED_BYTES // 2, 0) : place + _SAMPLED_BYTES // 2]
    if len(_UTF8.findall(near)) > 1 and _is_mostly_utf8(near):
        return (
            "the rest of the file is UTF-8: fix this line, or quarantine such lines with  "
            "on_bad_row: quarantine  in the flow"
        )
    word = _word(data, place)
    readings = [(name, word.decode(name)) for name in _likely(near) if _reads(word, name)]
    if not readings:
        return "fix the bytes, or set `encoding` in the home"
    shown = ", ".join(f"{name} {text!r}" for name, text in readings[:_MAX_SHOWN])
    return (
        f"set in the home's file the encoding that reads the text well, such as  "
        f"encoding: {readings[0][0]}  (text here: {shown})"
    )


def first_control(data: bytes) -> int | None:
    """Return the offset of the first byte from 0x80 to 0x9f, a control character in ISO 8859."""
    match = _C1.search(data)
    return None if match is None else match.start()


def misread_utf8(data: bytes, encoding: str) -> str | None:
    """Return a word read as UTF-8 and in the declared encoding, where all bytes are UTF-8."""
    match = _UTF8.search(data)
    if match is None:
        return None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return None
    word = _word(data, match.start())
    return f"{word.decode(errors='replace')!r}, as {encoding} {word.decode(encoding, 'replace')!r}"


def reading(data: bytes, place: int, *encodings: str) -> list[str]:
    """Return the word around a byte in each of some encodings, for messages."""
    word = _word(data, place)
    return [f"{name} {word.decode(name, 'replace')!r}" for name in encodings]


def _likely(data: bytes) -> tuple[str, ...]:
    """Return encodings, most likely first; bytes 0x80 to 0x9f decide between two of them."""
    if _is_asian(data, "shift_jis"):
        return ("shift_jis", *_CANDIDATES)
    if _CYRILLIC.search(data) is not None:
        return ("cp1251", *(name for name in _CANDIDATES if name != "cp1251"))
    if _C1.search(data) is None:
        return ("latin-1", *_CANDIDATES[1:])
    if _NOT_IN_CP1252.search(data) is None:
        return _CANDIDATES
    return (*_CANDIDATES[1:],)


def _is_asian(data: bytes, name: str) -> bool:
    """Return whether the bytes decode to a script that is unlikely by accident."""
    try:
        text = codecs.getincrementaldecoder(name)().decode(data)
    except UnicodeDecodeError:
        return False
    return _KANA.search(text) is not None


def _word(data: bytes, place: int) -> bytes:
    start = max((data.rfind(bytes([mark]), 0, place) for mark in _BREAKS), default=-1) + 1
    ends = [data.find(bytes([mark]), place) for mark in _BREAKS]
    end = min((one for one in ends if one >= 0), default=len(data))
    return data[max(start, place - _AROUND) : min(end, place + _AROUND)]


def _reads(word: bytes, name: str) -> bool:
    try:
        return _CONTROLS.search(word.decode(name)) is None
    except UnicodeDecodeError:
        return False


def _is_mostly_utf8(data: bytes) -> bool:
    bad = data.decode(errors="replace").count("\ufffd")
    return len(_UTF8.findall(data)) > 4 * bad
