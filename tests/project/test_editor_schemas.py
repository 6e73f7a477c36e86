"""Editors and `hygge validate` agree: one accepts what the other accepts, of every type."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from projects import least, least_words
from pydantic import BaseModel

from hygge.connector import ConnectorConfig, HomeConfig, StoreConfig
from hygge.project.assembly import Assembly
from hygge.project.check import layers_of
from hygge.project.diagnostics import Diagnostic
from hygge.project.files import FOLDERS, Files, Found, read_files
from hygge.project.models import FlowSettings, ProjectSettings
from hygge.project.nodes import Node, plain
from hygge.project.validation import keys_of
from hygge.project.variables import Variables
from hygge.project.yaml_parser import parse
from hygge.scaffold.connectors import NewConnector, connector_files
from hygge.scaffold.editor_schemas import schema_line, schema_texts, schemas
from hygge.scaffold.init import ProjectOptions, project_files
from hygge.settings.move import MoveSettings
from hygge.values.described import description_of
from hygge.values.redact import forget

ROOT = Path(__file__).resolve().parents[2]
Data = dict[str, Any]

BUILT_IN = [
    (kind, name)
    for kind, registry in (("home", HomeConfig.registry), ("store", StoreConfig.registry))
    for name in sorted(registry.built_in())
]
SOUND: dict[str, Data] = {
    "project": {"name": "test"},
    "home": {"type": "csv", "path": "data/in"},
    "store": {"type": "parquet", "path": "data/out"},
    "flow": {"home": "files", "store": "lake"},
    "environment": {},
}
NAMES = {"home": "files", "store": "lake", "flow": "users", "environment": "prod"}


@cache
def editor(kind: str) -> Draft7Validator:
    return Draft7Validator(schemas()[kind])


def wrong_in_editor(kind: str, data: object) -> list[str]:
    return [error.message for error in editor(kind).iter_errors(data)]


def parsed(kind: str, data: object) -> Found:
    file = f"{kind}.yml"
    return Found(NAMES.get(kind, "hygge"), file, parse(json.dumps(data, ensure_ascii=False), file))


SOUND_FILES = {kind: parsed(kind, data) for kind, data in SOUND.items()}
CONFIGS: dict[int, tuple[Node, ConnectorConfig | None]] = {}


def wrong_in_hygge(kind: str, data: object) -> list[Diagnostic]:
    """Check a project in which one file says `data`; return what is wrong in that file."""
    forget()  # what one case took for a secret would be masked in the next one's message
    found = {**SOUND_FILES, kind: parsed(kind, data)}
    folders = {folder: {NAMES[k]: found[k]} for folder, k in FOLDERS.items()}
    overlay = "prod" if kind == "environment" else None
    layers, wrong = layers_of(Files(found["project"], folders, (), {}), overlay)
    assembly = Assembly(layers, Variables(Path("/project")), configs=dict(CONFIGS))
    assembly.settings()
    assembly.home("files")
    assembly.store("lake")
    assembly.draft("users")
    if kind == "flow":
        CONFIGS.update(assembly.configs)
    wrong += [*found[kind].parsed.diagnostics, *assembly.found, *assembly.variables.found]
    return [one for one in wrong if one.is_error and one.file == f"{kind}.yml"]


_SHAPE = re.compile(
    r"has no value|must be (text|a |true|'|more|at |not be empty)|must not be empty"
    r"|not a (length|size|share)|no such type|write (evolve|a name|a list)"
)


def has_a_shape(one: Diagnostic, data: object) -> bool:
    """Whether a mistake is one of keys, types, words and patterns, which a schema can tell.

    A number that is written as text and too large is none.
    """
    bound = re.search(r"cannot be '(.*?)': must be (at|more) ", one.message)
    if bound and f'"{bound[1]}"' in json.dumps(data):
        return False
    if one.code in ("HG101", "HG102", "HG103", "HG104", "HG105", "HG108"):
        return True
    return one.code == "HG106" and _SHAPE.search(one.message) is not None


def assert_agreement(kind: str, data: object) -> None:
    told, seen = wrong_in_hygge(kind, data), wrong_in_editor(kind, data)
    if not told:
        assert seen == [], f"the editor refuses {data}"
    if ":-" not in str(data) and any(has_a_shape(one, data) for one in told):
        assert seen != [], f"the editor misses {told[0]} in {data}"


VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 5, 400, 1.0, 0.5, -0.5, 1e300,
    "", "x", "a b", "5", "-5", " 5 ", "5.0", "1_000", "1.5", "1e5", ".5", "nan", "inf", "0x10",
    "true", "FALSE", "yes", "off", "t", "maybe", "null",
    "5s", "1.5 h", "5x", "s", "1GB", "256 mib", "10k", "1XB", "1IB", "50%", "50 %", "101 percent",
    "auto", "replace", "append", "Replace", "evolve", "freeze", "keep", "fail", "source", "zstd",
    "gzip", "lz4", "utf-8", "loaded_at", "crlf", ";", "int64", "decimal(10,2)", "decimal( 10 , 2 )",
    "timestamp(us,UTC)", "list(list(int8))", "integer", "int 64", "decimal(ten)",
    "${X}", "a${X}b", "${X:-5}", "${file:/run/x}", "$${X}",
    [], ["a"], ["a", "b"], ["loaded_at"], ["${X}"], [1], [None], [["a"]], [{}], [{"name": "a"}],
    ["a", {"name": "b", "mode": "append"}], [{"name": "b", "mod": "append"}], [{"into": "b"}],
    {}, {"a": 1}, {"a": "int64"}, {"a": "integer"}, {"a": None}, {"a": {}},
    {"a": {"type": "int64"}}, {"a": {"type": "int"}}, {"a": {"typ": "int64"}},
    {"a": {"rename": "b"}}, {"a": {"rename": ""}},
    {"add": "fail"}, {"add": "maybe"}, {"ad": "fail"}, {"a": "${X}"}, {"a": {"type": "${X}"}},
    {"mode": "append"}, {"mode": "x"}, {"type": "csv", "path": "x"}, {"type": "csv"}, {"path": "x"},
    {"type": "parquet", "path": "x", "row_group_size": "${N}"}, {"type": "nothing", "path": "x"},
]  # fmt: skip


def model_of(kind: str, type_name: str) -> type[BaseModel]:
    registry = HomeConfig.registry if kind == "home" else StoreConfig.registry
    return registry.find(type_name)


def model_fields(kind: str, type_name: str) -> list[str]:
    return keys_of(model_of(kind, type_name))


def sound(kind: str, type_name: str) -> Data:
    return {"type": type_name, **least(model_of(kind, type_name))}


FIELDS = [
    *(("project", None, key) for key in ProjectSettings.model_fields),
    *(("flow", None, key) for key in FlowSettings.model_fields),
    *((kind, name, key) for kind, name in BUILT_IN for key in model_fields(kind, name)),
]


def likeness(kind: str, type_name: str, key: str) -> str:
    """Return what makes a field the same in several types: how it is declared and checked."""
    model = model_of(kind, type_name)
    (name,) = (name for name, one in model.model_fields.items() if (one.alias or name) == key)
    checks = model.__pydantic_decorators__.field_validators
    names = sorted(check for check, one in checks.items() if {name, "*"} & {*one.info.fields})
    return repr((kind, key, model.model_fields[name], names))


def shares() -> Iterator[tuple[str, str | None, str, list[Any]]]:
    """Yield each field with its values; types that have the same field share them."""
    alike: dict[str, list[tuple[str, str | None, str]]] = {}
    for kind, name, key in FIELDS:
        like = repr((kind, key)) if name is None else likeness(kind, name, key)
        alike.setdefault(like, []).append((kind, name, key))
    for fields in alike.values():
        for number, (kind, name, key) in enumerate(fields):
            yield kind, name, key, VALUES[number :: len(fields)]


SHARES = list(shares())


@pytest.mark.parametrize(
    ("kind", "type_name", "key", "values"),
    SHARES,
    ids=[f"{kind}-{name}-{key}" for kind, name, key, _ in SHARES],
)
def test_both_agree_on_every_value_of_every_field(
    kind: str, type_name: str | None, key: str, values: list[Any]
) -> None:
    for value in values:
        base = SOUND[kind] if type_name is None else sound(kind, type_name)
        assert_agreement(kind, {**base, key: value})


@pytest.mark.parametrize("key", list(MoveSettings.model_fields))
def test_both_agree_on_what_defaults_and_environments_say(key: str) -> None:
    for value in VALUES:
        assert_agreement("project", {"defaults": {key: value}})
        assert_agreement("environment", {"defaults": {key: value}})
        assert_agreement("environment", {"flows": {"users": {key: value}}})


@pytest.mark.parametrize("key", ["concurrency", "memory_limit", "homes", "stores", "flows", "x"])
def test_both_agree_on_the_keys_of_an_environment(key: str) -> None:
    for value in VALUES:
        assert_agreement("environment", {key: value})


@pytest.mark.parametrize("key", model_fields("home", "csv"))
def test_both_agree_on_what_an_environment_changes_of_a_home(key: str) -> None:
    for value in VALUES:
        changes = {"type": "csv", "path": "data/x", key: value}
        assert_agreement("environment", {"homes": {"files": changes}})
        if not wrong_in_hygge("environment", {"homes": {"files": {key: value}}}):
            assert wrong_in_editor("environment", {"homes": {"files": {key: value}}}) == []


@pytest.mark.parametrize("data", [None, [], "x", 5, ["home: a"]])
@pytest.mark.parametrize("kind", list(SOUND))
def test_a_file_is_a_mapping(kind: str, data: object) -> None:
    assert wrong_in_editor(kind, data) != []


ANY = st.sampled_from(VALUES)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*FlowSettings.model_fields, "stroe", "Mode"]), ANY))
def test_both_agree_on_flows(flow: Data) -> None:
    assert_agreement("flow", {**SOUND["flow"], **flow})


@settings(deadline=None)
@given(st.sampled_from(BUILT_IN), st.data())
def test_both_agree_on_homes_and_stores(connector: tuple[str, str], data: st.DataObject) -> None:
    kind, type_name = connector
    keys = st.sampled_from([*model_fields(kind, type_name), "pth", "Type"])
    changes = data.draw(st.dictionaries(keys, ANY))
    assert_agreement(kind, {**sound(kind, type_name), **changes})
    assert_agreement("flow", {kind: {**sound(kind, type_name), **changes}})


def written() -> Iterator[tuple[str, str, str]]:
    """Yield kind, path and text of every file that examples and generators hold."""
    for example in ("quickstart", "flights"):
        for folder, files in read_files(ROOT / "examples" / example).folders.items():
            yield from ((FOLDERS[folder], one.file, one.parsed.text) for one in files.values())
    for kind, name in BUILT_IN:
        words = least_words(model_of(kind, name))
        wanted = NewConnector("home" if kind == "home" else "store", "x", name, words)
        (file,) = connector_files(Path("/nowhere"), wanted)
        yield kind, file.path, file.text
        shown = re.sub(r"^# (?=[a-z_]+: )", "", file.text, flags=re.M)
        yield kind, file.path, shown
    for file in project_files("demo", ProjectOptions()):
        kind = FOLDERS.get(
            file.path.partition("/")[0], "project" if file.path == "hygge.yml" else ""
        )
        if kind and file.path.endswith(".yml"):
            yield kind, file.path, file.text


WRITTEN = list(written())


@pytest.mark.parametrize(
    ("kind", "path", "text"), WRITTEN, ids=[f"{p}-{n}" for n, (_, p, _) in enumerate(WRITTEN)]
)
def test_editors_accept_what_is_written_and_see_each_mistake_in_it(
    kind: str, path: str, text: str
) -> None:
    node = parse(text, path).node
    assert node is not None
    data = plain(node)
    assert wrong_in_editor(kind, data) == []
    for key in data:
        without = {k: v for k, v in data.items() if k != key}
        assert_agreement(kind, without)
        assert_agreement(kind, {**without, f"{key}x": data[key]})
        for value in ({"a": {"b": 1}}, [[1]], 1.5, True, "${X}", ""):
            assert_agreement(kind, {**data, key: value})


@pytest.mark.parametrize("kind", list(SOUND))
def test_schemas_are_draft_7_and_stay_the_same(kind: str) -> None:
    schema = json.loads(schema_texts()[f"{kind}.json"])
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    Draft7Validator.check_schema(schema)
    assert schema == json.loads(schema_texts()[f"{kind}.json"])


@pytest.mark.parametrize(("kind", "type_name"), BUILT_IN)
def test_every_option_is_explained_in_the_words_of_its_docstring(kind: str, type_name: str) -> None:
    registry = HomeConfig.registry if kind == "home" else StoreConfig.registry
    model = registry.find(type_name)
    for schema in (schemas()[kind], schemas()["flow"]):
        options = schema["definitions"][model.__name__]["properties"]
        for name in model.model_fields:
            assert description_of(model, name)
            assert options[name]["description"] == description_of(model, name)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("hygge.yml", ".hygge/schema/project.json"),
        ("homes/a.yml", "../.hygge/schema/home.json"),
        ("stores/a.yaml", "../.hygge/schema/store.json"),
        ("flows/a.yml", "../.hygge/schema/flow.json"),
        ("flows/deep/er/a.yml", "../../../.hygge/schema/flow.json"),
        ("environments/prod.yml", "../.hygge/schema/environment.json"),
    ],
)
def test_each_file_names_its_schema_from_where_it_lies(file: str, line: str) -> None:
    assert schema_line(file) == f"# yaml-language-server: $schema={line}\n"


@pytest.mark.parametrize("file", ["README.md", "data/a.yml", ".github/workflows/hygge.yml"])
def test_other_files_have_no_schema(file: str) -> None:
    assert schema_line(file) == ""
