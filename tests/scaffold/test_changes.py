"""Files are compared first, then written all or not at all, and never outside the project."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from hygge.errors import HyggeError, UsageError
from hygge.scaffold.changes import Change, Status, Wanted, apply, compare, removal, settle


def statuses(changes: list[Change]) -> list[str]:
    return [change.status.value for change in changes]


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_new_same_and_different_files_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "same.yml").write_text("a: 1\n")
    (tmp_path / "other.yml").write_text("a: 2\n")
    before = files(tmp_path)
    wanted = [Wanted(f"{name}.yml", "a: 1\n") for name in ("sub/new", "same", "other")]
    changes = compare(tmp_path, wanted)
    assert statuses(changes) == ["create", "identical", "conflict"]
    assert files(tmp_path) == before


def test_writing_again_finds_everything_identical(tmp_path: Path) -> None:
    wanted = [Wanted("a/b.yml", "å\r\n"), Wanted("c.yml", "")]
    apply(tmp_path, compare(tmp_path, wanted))
    assert files(tmp_path) == {"a/b.yml": "å\r\n".encode(), "c.yml": b""}
    assert statuses(compare(tmp_path, wanted)) == ["identical", "identical"]


def test_a_conflict_without_an_answer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("mine\n")
    changes = compare(tmp_path, [Wanted("new.yml", "x\n"), Wanted("a.yml", "theirs\n")])
    with pytest.raises(HyggeError, match=r"a\.yml") as refused:
        settle(changes, None, None)
    assert refused.value.exit_code == 1
    with pytest.raises(HyggeError):
        settle(changes, None, lambda _: None)


@pytest.mark.parametrize(("choice", "left"), [("overwrite", "theirs\n"), ("skip", "mine\n")])
def test_an_answer_settles_a_conflict(tmp_path: Path, choice: str, left: str) -> None:
    (tmp_path / "a.yml").write_text("mine\n")
    changes = compare(tmp_path, [Wanted("a.yml", "theirs\n")])
    settled = settle(changes, None, lambda _: "overwrite" if choice == "overwrite" else "skip")
    assert statuses(settled) == [choice]
    apply(tmp_path, settled)
    assert files(tmp_path) == {"a.yml": left.encode()}


def test_a_diff_shows_both_sides(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("one\ntwo")
    (change,) = compare(tmp_path, [Wanted("a.yml", "one\nthree\n")])
    assert "-two\n" in change.diff()
    assert "+three\n" in change.diff()


def test_lines_are_added_once(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("# KNOWN=1\nOTHER=x")
    wanted = [Wanted(".env.example", "KNOWN=\nNEW=\n", adds=True)]
    changes = compare(tmp_path, wanted)
    assert statuses(changes) == ["append"]
    apply(tmp_path, changes)
    assert files(tmp_path) == {".env.example": b"# KNOWN=1\nOTHER=x\nNEW=\n"}
    assert statuses(compare(tmp_path, wanted)) == ["identical"]


def test_nothing_is_written_when_one_file_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file where a directory should be")
    before = files(tmp_path)
    good = Change("good.yml", Status.CREATE, None, "a: 1\n")
    bad = Change("blocked/b.yml", Status.CREATE, None, "b: 1\n")
    with pytest.raises(HyggeError, match="cannot write blocked"):
        apply(tmp_path, [good, bad])
    assert files(tmp_path) == before


@pytest.mark.parametrize("path", ["../out.yml", "linked/out.yml", "link.yml"])
def test_nothing_is_written_through_a_link_or_out_of_the_project(tmp_path: Path, path: str) -> None:
    root, outside = tmp_path / "project", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "victim.yml").write_text("precious\n")
    (root / "linked").symlink_to(outside)
    (root / "link.yml").symlink_to(outside / "victim.yml")
    with pytest.raises(UsageError, match="link or outside of"):
        compare(root, [Wanted(path, "x\n")])
    with pytest.raises(UsageError, match="link or outside of"):
        apply(root, [Change(path, Status.CREATE, None, "x\n")])
    assert files(outside) == {"victim.yml": b"precious\n"}


def test_a_directory_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yml").mkdir()
    with pytest.raises(UsageError, match="is a directory"):
        compare(tmp_path, [Wanted("a.yml", "x\n")])


def test_a_removed_file_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("x\n")
    apply(tmp_path, [removal(tmp_path, "a.yml")])
    assert files(tmp_path) == {}


def test_an_overwritten_file_keeps_its_permissions(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text("x\n")
    file.chmod(0o640)
    apply(tmp_path, settle(compare(tmp_path, [Wanted("a.yml", "y\n")]), "overwrite", None))
    assert file.stat().st_mode & 0o777 == 0o640


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yml")
    with pytest.raises(UsageError, match=r"pipe\.yml is not a regular file"):
        compare(tmp_path, [Wanted("pipe.yml", "a: 1\n")])


def refuse(*arguments: object, **more: object) -> None:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@pytest.mark.parametrize("place", ["tempfile.mkstemp", "os.replace", "pathlib.Path.mkdir"])
def test_a_refusal_of_the_system_is_told_and_leaves_nothing(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = compare(tmp_path, [Wanted("homes/a.yml", "a: 1\n")])
    monkeypatch.setattr(place, refuse)
    with pytest.raises(HyggeError, match=r"cannot write homes/a\.yml: permission denied") as told:
        apply(tmp_path, changes)
    assert (told.value.code, told.value.exit_code) == ("HG605", 1)
    assert told.value.hint == "ls -la homes"
    assert files(tmp_path) == {}


def test_a_file_that_may_not_be_read_or_removed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.yml").write_text("a: 1\n")
    change = removal(tmp_path, "a.yml")
    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    with pytest.raises(HyggeError, match=r"cannot remove a\.yml: permission denied"):
        apply(tmp_path, [change])
    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(HyggeError, match=r"cannot read a\.yml: permission denied"):
        compare(tmp_path, [Wanted("a.yml", "a: 2\n")])
