"""What a generator writes always validates, and says what was asked for, whatever that was."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from projects import least, write_project
from pydantic import BaseModel

from hygge.connector import HomeConfig, StoreConfig
from hygge.errors import UsageError
from hygge.project import Project, check
from hygge.project.validation import keys_of
from hygge.scaffold.changes import Wanted, apply, compare
from hygge.scaffold.connectors import NewConnector, connector_files
from hygge.scaffold.flows import NewFlow, flow_files
from hygge.scaffold.init import ProjectOptions, project_files
from hygge.scaffold.name_check import lawful_name
from hygge.scaffold.project_check import check_together

TYPES = [
    (kind, name)
    for kind, registry in (("home", HomeConfig.registry), ("store", StoreConfig.registry))
    for name in sorted(registry.built_in())
]
ODD_NAMES = [
    "no",
    "on",
    "con",
    "null",
    "y",
    "a",
    "users",
    "../x",
    "Größe",
    "x" * 63,
    "x" * 64,
    "1a",
]
NAMES = st.sampled_from(ODD_NAMES) | st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
ODD_VALUES = [
    "a#b", "a #b", "# a", "a: b", "a:", ": a", "'", "\"", "it's", "say \"x\"", "a\nb", "\n", "\t",
    " a", "a ", " ", "", "😀", "é", "$", "${X}", "$${X}", "${X:-a: b #c}", "a${X}b", "${", "%a",
    "@a", "`a`", "*a", "&a", "!a", "|", ">", "-", "- a", "?", "? a", "{a}", "{a", "[a", "]",
    "a,b", "~", "null", "yes", "True", "1", "01", "1_000", "0x10", "1e5", ".5", "12:30",
    "2024-12-31", "=", "<<", "---", "...", "\u2028", "\ufeffa", "\u0007", "\u0085", "a\\b", "\\",
    "data/{entity}/*.csv", "in\\x",
]  # fmt: skip
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
VALUES = st.sampled_from(ODD_VALUES) | TEXTS


@contextmanager
def project() -> Iterator[Path]:
    """Make a project in a directory of its own, for each of many attempts."""
    root = Path(tempfile.mkdtemp())
    try:
        yield write_project(
            root,
            {
                "homes/files.yml": "type: csv\npath: data/in\n",
                "stores/lake.yml": "type: parquet\npath: data/lake\n",
                "flows/users.yml": "home: files\nstore: lake\n",
            },
        )
    finally:
        shutil.rmtree(root)


def write(root: Path, files: list[Wanted]) -> None:
    check_together(root, files)
    apply(root, compare(root, files))


def model_of(kind: str, type_name: str) -> type[BaseModel]:
    registry = HomeConfig.registry if kind == "home" else StoreConfig.registry
    return registry.find(type_name)


def fields(kind: str, type_name: str) -> list[str]:
    return [key for key in keys_of(model_of(kind, type_name)) if key != "type"]


@settings(deadline=None)
@given(st.sampled_from(TYPES), NAMES, st.data())
def test_a_home_or_store_is_sound_whatever_is_asked_for(
    connector: tuple[str, str], name: str, data: st.DataObject
) -> None:
    kind, type_name = connector
    keys = st.sampled_from(fields(kind, type_name))
    words = {
        **least(model_of(kind, type_name)),
        **data.draw(st.dictionaries(keys, VALUES, max_size=4)),
    }
    side: Literal["home", "store"] = "home" if kind == "home" else "store"
    given_words = tuple(f"{key}={value}" for key, value in words.items())
    with project() as root:
        before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
        try:
            write(root, connector_files(root, NewConnector(side, name, type_name, given_words)))
        except UsageError:
            after = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
            assert after == before
            return
        assert [one for one in check(root).errors if one.code != "HG204"] == []
        said = yaml.safe_load((root / f"{kind}s" / f"{name}.yml").read_text("utf-8"))
        assert said["type"] == type_name
        assert set(said) == {"type", *words}
        assert {key for key in words if isinstance(said[key], str)} == {
            key for key in words if said[key] == words[key]
        }


OF_PLACES = [one for one in TYPES if "url" not in least(model_of(*one))]
"""Types whose first key may be any text, which a URL may not."""


@pytest.mark.parametrize(("kind", "type_name"), OF_PLACES)
def test_a_path_says_exactly_what_was_typed(kind: str, type_name: str) -> None:
    side: Literal["home", "store"] = "home" if kind == "home" else "store"
    (key,) = least(model_of(kind, type_name))
    refused = {"": "", "${": "", "{a}": "", "{a": ""} | dict.fromkeys(("~", "null"), key)
    with project() as root:
        made = root / f"{kind}s" / "x.yml"
        for value in ODD_VALUES:
            wanted = NewConnector(side, "x", type_name, (f"{key}={value}",))
            made.unlink(missing_ok=True)
            try:
                write(root, connector_files(root, wanted))
            except UsageError:
                is_file = (kind, value[-4:]) == ("store", ".csv")
                assert is_file or (value in refused and refused[value] != "path"), value
                assert not made.exists(), value
                continue
            wrong = [one for one in check(root).errors if one.code != "HG204"]
            assert wrong == [], value
            assert yaml.safe_load(made.read_text("utf-8"))[key] == value


@settings(deadline=None)
@given(
    NAMES,
    st.lists(VALUES, max_size=3, unique=True),
    st.none() | VALUES,
    st.sampled_from([None, "replace", "append", "merge", "x"]),
    st.lists(VALUES, max_size=2),
)
@example("no", ["x"], None, None, [])
@example("people", ["on"], "no", "append", ["no", "#"])
def test_a_flow_is_sound_whatever_is_asked_for(
    name: str, entities: list[str], into: str | None, mode: str | None, keys: list[str]
) -> None:
    assume(name != "users")  # the project has that flow, and `write` overwrites nothing
    wanted = NewFlow(name, None, None, tuple(entities), into, mode, tuple(keys))
    with project() as root:
        try:
            write(root, flow_files(root, wanted))
        except UsageError:
            assert sorted(path.name for path in (root / "flows").iterdir()) == ["users.yml"]
            return
        assert check(root).errors == ()
        said = yaml.safe_load((root / "flows" / f"{name}.yml").read_text("utf-8"))
        listed = said.get("entities", [said["entity"]] if "entity" in said else [name])
        assert listed == (entities or [name])
        assert (said.get("into"), said.get("mode")) == (into or None, mode)
        assert said.get("primary_key", []) == keys


@settings(deadline=None, max_examples=20)
@given(st.text(max_size=40), st.booleans(), st.booleans(), st.booleans())
def test_a_new_project_is_sound(text: str, bare: bool, pre_commit: bool, github: bool) -> None:
    root = Path(tempfile.mkdtemp())
    try:
        options = ProjectOptions(bare, pre_commit, github)
        apply(root, compare(root, project_files(lawful_name(text), options)))
        assert check(root).diagnostics == ()
        assert Project.load(root).name == lawful_name(text)
    finally:
        shutil.rmtree(root)
