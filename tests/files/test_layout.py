from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.connectors.files.local import folders
from hygge.connectors.files.local.disk import LocalFiles
from hygge.connectors.files.reading.faults import FileChangedError
from hygge.connectors.files.reading.listing import Layout, natural_key, read_partitions
from hygge.connectors.files.reading.patterns import PathPattern
from hygge.errors import HomeError

EXTENSIONS = (".dat",)
PACKED = (".gz",)


def layout(path: Path | str) -> Layout:
    return Layout(LocalFiles(), PathPattern(str(path), (".dat", ".dat.gz")), EXTENSIONS, PACKED)


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def names(root: Path, path: str, entity: str) -> list[str]:
    return [os.path.relpath(f.path, root) for f in layout(root / path).find(entity)]


def test_an_entity_is_a_file_or_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "a.dat", "b/2.dat", "b/10.dat", "b/deep/1.DAT", "c.dat.gz", "note.txt")
    assert layout(tmp_path).entities() == ["a", "b", "c"]
    assert names(tmp_path, ".", "a") == ["a.dat"]
    assert names(tmp_path, ".", "b") == ["b/2.dat", "b/10.dat", "b/deep/1.DAT"]
    assert [f.compression for f in layout(tmp_path).find("c")] == [".gz"]


def test_a_folder_that_ends_like_a_file_is_an_entity(tmp_path: Path) -> None:
    touch(tmp_path, "users.dat/part-0.dat", "users.dat/_SUCCESS")
    assert names(tmp_path, ".", "users") == ["users.dat/part-0.dat"]
    assert "users" in layout(tmp_path).entities()


def test_hidden_names_are_not_data(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.dat", "a/_record.dat", "a/.1.dat", "a/.new/2.dat", "_b.dat", ".c/1.dat")
    assert layout(tmp_path).entities() == ["a"]
    assert names(tmp_path, ".", "a") == ["a/1.dat"]
    with pytest.raises(HomeError, match="no entity '_b'"):
        layout(tmp_path).find("_b")


def test_a_file_and_a_folder_of_one_name_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.dat", "a/1.dat")
    with pytest.raises(HomeError, match=r"exists twice: .*/a and .*/a\.dat"):
        layout(tmp_path).find("a")


def test_an_unknown_name_gets_the_nearest_and_the_list(tmp_path: Path) -> None:
    touch(tmp_path, *(f"table_{n}.dat" for n in range(12)), "users.dat")
    with pytest.raises(HomeError, match="did you mean 'users'") as raised:
        layout(tmp_path).find("user")
    assert (
        raised.value.hint
        == "entities: " + ", ".join([f"table_{n}" for n in range(10)]) + " and 3 more"
    )
    with pytest.raises(HomeError, match="did you mean 'users'"):
        layout(tmp_path).find("users.dat")


def test_an_empty_folder_is_an_entity_without_files(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert layout(tmp_path).find("empty") == []


@pytest.mark.parametrize(
    "name", ["", "..", "../x", "a/../../x", "/etc/passwd", "a\0b", "a//b", ".", "a\\b", "a\nb"]
)
def test_a_name_cannot_leave_the_path(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "in/a.dat", "x.dat")
    with pytest.raises(HomeError, match="cannot leave the path"):
        layout(tmp_path / "in").find(name)


def test_a_name_may_lead_into_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "sales/users.dat")
    assert names(tmp_path, ".", "sales/users") == ["sales/users.dat"]


def test_links_that_lead_out_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "secret/x.dat", "in/a/1.dat")
    (tmp_path / "in" / "b.dat").symlink_to(tmp_path / "secret" / "x.dat")
    (tmp_path / "in" / "c").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "a" / "2.dat").symlink_to(tmp_path / "secret" / "x.dat")
    for name in ("b", "c", "a", "c/x"):
        with pytest.raises(HomeError, match="to a place outside of"):
            layout(tmp_path / "in").find(name)


def test_links_that_stay_inside_are_followed_once(tmp_path: Path) -> None:
    touch(tmp_path, "in/a/1.dat")
    (tmp_path / "in" / "b.dat").symlink_to(tmp_path / "in" / "a" / "1.dat")
    (tmp_path / "in" / "a" / "loop").symlink_to(tmp_path / "in" / "a")
    assert names(tmp_path, "in", "b") == ["in/b.dat"]
    assert names(tmp_path, "in", "a") == ["in/a/1.dat"]


def test_links_in_circles_end(tmp_path: Path) -> None:
    for one in range(12):
        touch(tmp_path, f"a/{one}/{one}.dat")
        for two in range(12):
            (tmp_path / "a" / str(one) / f"to{two}").symlink_to(tmp_path / "a" / str(two))
    assert names(tmp_path, ".", "a") == [f"a/{n}/{n}.dat" for n in range(12)]


def test_the_path_itself_may_be_a_link(tmp_path: Path) -> None:
    touch(tmp_path, "real/a.dat")
    (tmp_path / "in").symlink_to(tmp_path / "real")
    assert names(tmp_path, "in", "a") == ["in/a.dat"]


def test_a_missing_path_names_its_neighbour(tmp_path: Path) -> None:
    touch(tmp_path, "data/a.dat")
    with pytest.raises(HomeError, match="does not exist") as raised:
        layout(tmp_path / "dta").check()
    assert raised.value.hint == f"did you mean {tmp_path / 'data'}?"
    touch(tmp_path, "file")
    with pytest.raises(HomeError, match="does not end in"):
        layout(tmp_path / "file").check()


@pytest.mark.parametrize(
    ("path", "entity", "expected"),
    [
        ("{entity}/*.dat", "a", ["a/1.dat", "a/2.dat"]),
        ("{entity}", "a", ["a/1.dat", "a/2.dat", "a/deep/3.dat"]),
        ("{entity}/**", "a", ["a/1.dat", "a/2.dat", "a/deep/3.dat"]),
        ("{entity}/**/*.dat", "a", ["a/1.dat", "a/2.dat", "a/deep/3.dat"]),
        ("{entity}_*.dat", "b", ["b_2023.dat", "b_2024.dat"]),
        ("{entity}_[0-9]???.dat", "b", ["b_2023.dat", "b_2024.dat"]),
        ("*/{entity}.dat", "1", ["a/1.dat"]),
        ("export/*/{entity}.dat", "u", ["export/x/u.dat", "export/y/u.dat"]),
        ("{entity}/old.txt", "a", ["a/old.txt"]),
        ("b_*.dat", "whatever", ["b_2023.dat", "b_2024.dat"]),
        ("b_2023.dat", "whatever", ["b_2023.dat"]),
    ],
)
def test_a_path_says_where_an_entity_lies(
    tmp_path: Path, path: str, entity: str, expected: list[str]
) -> None:
    touch(tmp_path, "a/1.dat", "a/2.dat", "a/deep/3.dat", "a/old.txt", "a/_x.dat")
    touch(tmp_path, "b_2023.dat", "b_2024.dat", "export/x/u.dat", "export/y/u.dat")
    assert names(tmp_path, path, entity) == expected


def test_a_pattern_lists_its_entities(tmp_path: Path) -> None:
    touch(tmp_path, "export/x/u.dat", "export/y/v.dat", "export/y/u.dat", "b_2023.dat")
    assert layout(tmp_path / "export/*/{entity}.dat").entities() == ["u", "v"]
    assert layout(tmp_path / "{entity}_*.dat").entities() == ["b"]
    assert layout(tmp_path / "export/x/*.dat").entities() == ["x"]
    assert layout(tmp_path / "{entity}/{entity}.dat").entities() == []


def test_an_entity_with_glob_characters_is_taken_literally(tmp_path: Path) -> None:
    touch(tmp_path, "a*_1.dat", "ab_1.dat")
    assert names(tmp_path, "{entity}_*.dat", "a*") == ["a*_1.dat"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("in", ["/p/in/u", "/p/in/u.dat"]),
        ("in/{entity}/*.dat", ["/p/in/u/*.dat"]),
        ("in/{entity}.dat", ["/p/in/u.dat"]),
        ("in/*/{entity}.dat", ["/p/in"]),
        ("in/{entity}/**", ["/p/in/u"]),
        ("in/all.dat", ["/p/in/all.dat"]),
        ("../in", ["/in/u", "/in/u.dat"]),
    ],
)
def test_places_are_told_without_the_disk(path: str, expected: list[str]) -> None:
    assert layout(f"/p/{path}").places("u") == expected


def test_folders_name_columns() -> None:
    found = read_partitions("year=2024/b%20c=x%2Fy=z/plain/n=__HIVE_DEFAULT_PARTITION__", "f")
    assert found == (("year", "2024"), ("b c", "x/y=z"), ("n", None))
    with pytest.raises(HomeError, match="twice"):
        read_partitions("a=1/a=2", "f")


def test_the_name_of_an_entity_is_no_column(tmp_path: Path) -> None:
    touch(tmp_path, "k=v/year=1/x.dat")
    (file,) = layout(tmp_path).find("k=v")
    assert file.partitions == (("year", "1"),)


def test_a_changed_file_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "a.dat")
    (file,) = layout(tmp_path).find("a")
    file.check_unchanged()
    (tmp_path / "a.dat").write_text("longer than before")
    with pytest.raises(FileChangedError, match="changed while"):
        file.check_unchanged()
    (tmp_path / "a.dat").unlink()
    with pytest.raises(FileChangedError, match="was removed"):
        file.check_unchanged()


def test_many_files_are_one_listing(tmp_path: Path) -> None:
    for number in range(3000):
        (tmp_path / "a" / str(number % 10)).mkdir(parents=True, exist_ok=True)
        (tmp_path / "a" / str(number % 10) / f"{number}.dat").touch()
    files = layout(tmp_path).find("a")
    numbers = [int(Path(file.path).stem) for file in files]
    assert numbers == [n for last in range(10) for n in range(last, 3000, 10)]


@given(st.lists(st.text(alphabet="a01/29_-é٣", min_size=1), unique=True))
def test_the_natural_order_is_total_and_stable(texts: list[str]) -> None:
    ordered = sorted(texts, key=natural_key)
    assert ordered == sorted(sorted(texts), key=natural_key)
    assert set(ordered) == set(texts)


@pytest.mark.parametrize(("settled", "listings"), [(-(10**18), 1), (10**18, 200)])
def test_a_folder_is_listed_once_for_all_its_entities_when_it_has_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settled: int, listings: int
) -> None:
    entities = [f"table_{n}" for n in range(200)]
    touch(tmp_path, *(f"{entity}.dat" for entity in entities))
    listed: list[str] = []
    whole = folders.names_by_beginning

    def counted(folder: str, changed_ns: int, inode: int) -> Mapping[str, Sequence[str]]:
        listed.append(folder)
        return whole(folder, changed_ns, inode)

    monkeypatch.setattr(folders, "names_by_beginning", counted)
    monkeypatch.setattr(folders, "SETTLED_NS", settled)
    for entity in entities:
        assert names(tmp_path, ".", entity) == [f"{entity}.dat"]
    assert listed == [str(tmp_path)] * listings


def test_a_file_that_comes_into_a_listed_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a.dat", "b.x.dat")
    monkeypatch.setattr(folders, "SETTLED_NS", 0)
    assert names(tmp_path, ".", "b.x") == ["b.x.dat"]
    before = tmp_path.stat().st_ctime_ns
    while tmp_path.stat().st_ctime_ns == before:
        touch(tmp_path, "later.dat")
        (tmp_path / "later.dat").unlink()
    touch(tmp_path, "c.dat", "b.dat", "b/1.dat")
    assert names(tmp_path, ".", "c") == ["c.dat"]
    with pytest.raises(HomeError, match="exists twice"):
        layout(tmp_path).find("b")
