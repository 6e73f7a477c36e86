"""`hygge init`, `new` and `destroy` as a person types them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pexpect
import pytest
import yaml
from typer.testing import CliRunner, Result

from hygge.cli.app import app
from hygge.errors import HyggeError, UsageError
from hygge.project.check import check

RUNNER = CliRunner()
INIT = ["hygge.yml", "homes/sample_files.yml", "stores/lake.yml", "flows/users.yml"]
SCHEMAS = [
    f".hygge/schema/{kind}.json" for kind in ("project", "home", "store", "flow", "environment")
]


def hygge(directory: Path, *words: str) -> Result:
    return RUNNER.invoke(app, ["-C", str(directory), *words])


def refused(directory: Path, *words: str) -> HyggeError:
    """Run a command that must fail, and return its error; nothing may be written."""
    before = contents(directory)
    error = hygge(directory, *words).exception
    assert isinstance(error, HyggeError)
    assert contents(directory) == before
    return error


def contents(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def read(file: Path) -> object:
    return yaml.safe_load(file.read_text("utf-8"))


def wrong(root: Path) -> list[str]:
    return [str(found) for found in check(root).errors]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    assert hygge(tmp_path, "init", "demo").exit_code == 0
    return tmp_path / "demo"


def test_init_writes_a_project_without_mistakes(project: Path) -> None:
    report = check(project)
    assert report.diagnostics == ()
    assert (report.homes, report.stores, report.flows, report.environments) == (1, 1, 2, 1)


def test_init_writes_every_file_and_says_so(tmp_path: Path) -> None:
    result = hygge(tmp_path, "init", "demo", "--pre-commit", "--ci", "github")
    written = set(contents(tmp_path / "demo"))
    assert {line[14:] for line in result.stdout.splitlines()} == written
    assert all(line.startswith("      create  ") for line in result.stdout.splitlines())
    assert written == {
        *INIT,
        *SCHEMAS,
        "flows/orders.yml",
        "environments/prod.yml",
        "data/sample/users.csv",
        "data/sample/orders.csv",
        ".env.example",
        ".gitignore",
        "README.md",
        ".pre-commit-config.yaml",
        ".github/workflows/hygge.yml",
    }


def test_init_again_finds_everything_identical(project: Path) -> None:
    before = contents(project)
    result = hygge(project, "init", ".")
    assert {line.split()[0] for line in result.stdout.splitlines()} == {"identical"}
    assert contents(project) == before


def test_init_bare_leaves_the_sample_out(tmp_path: Path) -> None:
    hygge(tmp_path, "init", "demo", "--bare")
    assert not {"flows", "homes", "stores", "data"} & {
        path.name for path in (tmp_path / "demo").iterdir()
    }


def test_init_here_takes_a_lawful_name_from_the_directory(tmp_path: Path) -> None:
    here = tmp_path / "My Project"
    here.mkdir()
    assert hygge(here, "init", ".").exit_code == 0
    settings = read(here / "hygge.yml")
    assert isinstance(settings, dict)
    assert settings["name"] == "my_project"


def test_init_refuses_a_name_that_will_not_do(tmp_path: Path) -> None:
    error = refused(tmp_path, "init", "My-Project")
    assert "my_project" in (error.hint or "")


def test_init_writes_nothing_when_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "README.md").write_text("mine\n")
    error = refused(tmp_path, "init", "demo")
    assert "README.md" in error.message
    assert error.exit_code == 1
    assert hygge(tmp_path, "init", "demo", "--skip").exit_code == 0
    assert (tmp_path / "demo" / "README.md").read_text() == "mine\n"
    assert hygge(tmp_path, "init", "demo", "--force").exit_code == 0
    assert (tmp_path / "demo" / "README.md").read_text() != "mine\n"


@pytest.mark.parametrize("flag", ["--dry-run", "-n", "--pretend", "-p"])
def test_a_dry_run_shows_and_writes_nothing(tmp_path: Path, flag: str) -> None:
    result = hygge(tmp_path, "init", "demo", flag)
    assert "create  hygge.yml" in result.stdout
    assert contents(tmp_path) == {}


def test_a_dry_run_shows_all_and_ends_at_a_conflict_as_the_command_would(project: Path) -> None:
    (project / "README.md").write_text("mine\n")
    (project / "flows/users.yml").unlink()
    before = contents(project)
    text = hygge(project, "init", ".", "--dry-run")
    assert {"conflict  README.md", "create  flows/users.yml"} <= {
        line.strip() for line in text.stdout.splitlines()
    }
    answer = hygge(project, "init", ".", "--dry-run", "--json")
    files = json.loads(answer.stdout)["files"]
    assert {"status": "create", "path": "flows/users.yml"} in files
    assert {"status": "conflict", "path": "README.md"} in files
    quiet = hygge(project, "-q", "init", ".", "--dry-run")
    for result in (text, answer, quiet):
        assert isinstance(result.exception, HyggeError)
        assert (result.exception.code, result.exception.exit_code) == ("HG602", 1)
    for flag in ("--force", "--skip"):
        assert hygge(project, "init", ".", "--dry-run", flag).exit_code == 0
    assert contents(project) == before


def test_a_dry_run_of_new_and_destroy_ends_as_the_command_would(project: Path) -> None:
    new = ("new", "home", "sample_files", "--type", "csv", "path=elsewhere")
    destroy = ("destroy", "home", "sample_files")
    for command, code in ((new, "HG602"), (destroy, "HG601")):
        for words in (command, (*command, "--dry-run")):
            error = refused(project, *words)
            assert (error.code, error.exit_code) == (code, 1)
        assert hygge(project, *command, "--dry-run", "--force").exit_code == 0


def test_json_lists_what_was_written(tmp_path: Path) -> None:
    answer = json.loads(hygge(tmp_path, "init", "demo", "--json").stdout)
    assert answer["written"] is True
    assert {"status": "create", "path": "hygge.yml"} in answer["files"]


def test_json_is_json_when_there_is_a_conflict_too(project: Path) -> None:
    (project / "README.md").write_text("mine\n")
    result = hygge(project, "init", ".", "--json")
    answer = json.loads(result.stdout)
    assert answer["written"] is False
    assert answer["files"] == [{"status": "conflict", "path": "README.md"}]
    assert isinstance(result.exception, HyggeError)


def test_a_template_that_cannot_be_read_is_told(project: Path) -> None:
    (project / "templates/home").mkdir(parents=True)
    (project / "templates/home/csv.yml.j2").write_bytes(b"type: csv # \xff\n")
    error = refused(project, "new", "home", "x", "--type", "csv", "path=x")
    assert error.code == "HG604"
    assert "cannot read templates/home/csv.yml.j2" in error.message


@pytest.mark.parametrize(
    ("typed", "answers", "left"),
    [
        ("y", [], "new"),
        ("n", [], "mine"),
        ("", [], "mine"),
        ("d", ["y"], "new"),
        ("q", [], "mine"),
        ("\x04", [], "mine"),
        ("y\x04\x04", [], "mine"),
    ],
    ids=["yes", "no", "enter", "diff then yes", "quit", "end of input", "yes, unfinished"],
)
def test_at_a_terminal_a_conflict_is_asked_about(
    project: Path, typed: str, answers: list[str], left: str
) -> None:
    (project / "README.md").write_text("mine\n")
    command = ["-m", "hygge", "-C", str(project), "init", "."]
    environment = {**os.environ, "TERM": "dumb"}
    child = pexpect.spawn(sys.executable, command, encoding="utf-8", timeout=30, env=environment)
    child.expect("README.md differs. Overwrite")
    child.send(typed if "\x04" in typed else f"{typed}\n")
    for answer in answers:
        child.expect(r"-mine[\s\S]*Overwrite")
        child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus == 0) == (typed != "q" and "\x04" not in typed)
    assert ((project / "README.md").read_text() == "mine\n") == (left == "mine")


def test_new_home_writes_what_was_given_and_comments_the_rest(project: Path) -> None:
    result = hygge(project, "new", "home", "archive", "--type", "parquet", "path=data/no")
    assert result.stdout == "      create  homes/archive.yml\n"
    assert read(project / "homes" / "archive.yml") == {"type": "parquet", "path": "data/no"}
    assert hygge(project, "new", "home", "archive", "--type", "parquet", "path=data/no").stdout == (
        "   identical  homes/archive.yml\n"
    )


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("path={entity}/*.csv", "{entity}/*.csv"),
        ("path={entity}", "{entity}"),
        ("path=123", "123"),
        ("skip_rows=2", 2),
        ("infer=no", False),
        ("infer=${INFER:-true}", "${INFER:-true}"),
        ("null_values=['', NA, no]", ["", "NA", "no"]),
        ("types={a: int64}", {"a": "int64"}),
        ("delimiter=;", ";"),
        ("delimiter=\t", "\t"),
    ],
)
def test_new_home_writes_each_value_as_its_option_takes_it(
    project: Path, word: str, value: object
) -> None:
    words = [word] if word.startswith("path=") else ["path=data/x", word]
    assert hygge(project, "new", "home", "x", "--type", "csv", *words).exit_code == 0
    home = read(project / "homes" / "x.yml")
    assert isinstance(home, dict)
    assert home[word.partition("=")[0]] == value
    assert wrong(project) == []


def test_new_home_notes_its_variables_for_others(project: Path) -> None:
    hygge(project, "new", "home", "archive", "--type", "parquet", "path=${ROOT}/${DAY:-1}")
    assert read(project / "homes" / "archive.yml") == {
        "type": "parquet",
        "path": "${ROOT}/${DAY:-1}",
    }
    lines = (project / ".env.example").read_text().splitlines()
    assert lines[-2:] == ["ROOT=", "DAY="]
    assert wrong(project) == []


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["home", "x", "--type", "parquet", "pth=1"], "did you mean 'path'", "path"),
        (["home", "x", "--type", "parqet", "path=1"], "did you mean 'parquet'", "hygge types"),
        (["home", "x", "--type", "parquet"], "requires the key 'path'", "path"),
        (["home", "x", "--type", "parquet", "path"], "not key=value", "key=value"),
        (["home", "x", "--type", "csv", "path=a", "types=[a"], "must be a mapping", ""),
        (["home", "x", "--type", "csv", "path=a", "skip_rows=-1"], "at least 0", ""),
        (["home", "no", "--type", "parquet", "path=a"], "has another meaning", "no_data"),
        (["flow", "x", "--home", "smaple_files"], "did you mean 'sample_files'", "sample_files"),
        (["flow", "x", "--store", "pond"], "no store 'pond'", "lake"),
        (["flow", "x", "--mode", "replce"], "did you mean 'replace'", "replace"),
        (["home", "x", "--type", "csv", "path=a", "path=b"], "'path' is set twice", "once"),
        (["home", "x", "--type", "csv", "type=orc"], "'type' is set twice; --type", "once"),
        (["home", "x", "--type", "csv", "path=db://me:hu@h"], "contains a password", "X_PATH_PASS"),
        (["template", "flwo"], "no template 'flwo'", "flow"),
        (["template", "../../flow"], "no template", "flow"),
    ],
)
def test_new_refuses_what_will_not_do(
    project: Path, words: list[str], message: str, hint: str
) -> None:
    error = refused(project, "new", *words)
    assert isinstance(error, UsageError)
    assert message in error.message
    assert hint in (error.hint or "")


def test_new_outside_of_a_project_says_how_to_make_one(tmp_path: Path) -> None:
    error = refused(tmp_path, "new", "flow", "x")
    assert isinstance(error, UsageError)
    assert "hygge init" in (error.hint or "")


def test_new_flow_takes_the_only_home_and_store(project: Path) -> None:
    words = ["--entity", "users", "--into", "people", "--mode", "append"]
    assert hygge(project, "new", "flow", "people", *words).exit_code == 0
    assert read(project / "flows" / "people.yml") == {
        "home": "sample_files",
        "store": "lake",
        "entity": "users",
        "into": "people",
        "mode": "append",
    }


def test_new_flow_with_many_entities_lists_them(project: Path) -> None:
    words = ["--entity", "a", "--entity", "b*", "--primary-key", "id,no"]
    hygge(project, "new", "flow", "many", *words)
    flow = read(project / "flows" / "many.yml")
    assert isinstance(flow, dict)
    assert flow["entities"] == ["a", "b*"]
    assert flow["primary_key"] == ["id", "no"]


def test_new_flow_refuses_what_another_flow_writes(project: Path) -> None:
    error = refused(project, "new", "flow", "people", "--entity", "users")
    assert "lake/users is also written by flow people" in error.message
    assert "'into'" in (error.hint or "")


def test_new_refuses_a_name_that_is_taken_in_another_folder(project: Path) -> None:
    words = ["--entity", "new", "--into", "other"]
    assert hygge(project, "new", "flow", "deep/er/people", *words).exit_code == 0
    text = (project / "flows" / "deep" / "er" / "people.yml").read_text()
    assert text.startswith("# yaml-language-server: $schema=../../../.hygge/schema/flow.json\n")
    assert wrong(project) == []
    error = refused(project, "new", "flow", "people", "--entity", "b")
    assert "already exists in flows/deep/er/people.yml" in error.message
    error = refused(project, "new", "home", "../x", "--type", "csv", "path=data")
    assert "invalid name for a folder: '..' is not a valid name" in error.message


def test_new_home_says_which_flows_must_name_theirs_now(project: Path) -> None:
    (project / "flows" / "users.yml").write_text("store: lake\n")
    result = hygge(project, "new", "home", "second", "--type", "csv", "path=data/b")
    assert result.stdout == "      create  homes/second.yml\n"
    assert "warning: flows/users.yml:1:1: the flow names no home" in result.stderr


def test_a_template_that_loses_what_a_flow_was_asked_for_is_refused(project: Path) -> None:
    own = project / "templates" / "flow.yml.j2"
    own.parent.mkdir()
    own.write_text("home: {{ home | yaml }}\nstore: {{ store | yaml }}\n")
    assert "does not use mode" in refused(project, "new", "flow", "x", "--mode", "append").message


def test_a_template_of_ones_own_wins(project: Path) -> None:
    hygge(project, "new", "template", "flow")
    template = project / "templates" / "flow.yml.j2"
    template.write_text("# by us: {{ name }}\n" + template.read_text())
    hygge(project, "new", "flow", "mine")
    assert (project / "flows" / "mine.yml").read_text().splitlines()[1] == "# by us: mine"


def test_a_template_that_loses_a_value_is_refused(project: Path) -> None:
    own = project / "templates" / "home" / "any.yml.j2"
    own.parent.mkdir(parents=True)
    own.write_text("type: {{ type | yaml }}\npath: elsewhere\n")
    (project / "templates" / "home" / "parquet.yml.j2").write_text(own.read_text())
    error = refused(project, "new", "home", "x", "--type", "parquet", "path=here")
    assert "does not use path" in error.message


@pytest.mark.parametrize(
    ("kind", "name", "users"),
    [
        ("home", "sample_files", ["flows/users.yml:4", "flows/orders.yml:3"]),
        ("store", "lake", ["flows/users.yml:5", "flows/orders.yml:4"]),
        ("flow", "users", ["flows/orders.yml:9"]),
    ],
)
def test_destroy_refuses_while_something_refers_to_it(
    project: Path, kind: str, name: str, users: list[str]
) -> None:
    error = refused(project, "destroy", kind, name)
    assert error.exit_code == 1
    assert all(user in error.message for user in users)


def test_destroy_sees_what_refers_without_a_name_and_from_environments(project: Path) -> None:
    (project / "flows" / "users.yml").write_text("store: lake\n")
    (project / "environments" / "prod.yml").write_text("stores:\n  lake: {path: /lake}\n")
    assert "flows/users.yml:1" in refused(project, "destroy", "home", "sample_files").message
    assert "environments/prod.yml:2" in refused(project, "destroy", "store", "lake").message


def test_destroy_removes_the_file_and_no_data(project: Path) -> None:
    assert hygge(project, "destroy", "flow", "orders", "-n").exit_code == 0
    assert (project / "flows" / "orders.yml").exists()
    result = hygge(project, "destroy", "flow", "orders")
    assert result.stdout == "      remove  flows/orders.yml\n"
    assert not (project / "flows" / "orders.yml").exists()
    assert (project / "data" / "sample" / "orders.csv").exists()


def test_destroy_takes_the_folder_that_new_took(project: Path) -> None:
    words = ["--entity", "users", "--into", "more"]
    assert hygge(project, "new", "flow", "daily/more", *words).exit_code == 0
    assert "no flow 'other/more'" in refused(project, "destroy", "flow", "other/more").message
    assert "remove  flows/daily/more.yml" in hygge(project, "destroy", "flow", "daily/more").stdout


def test_destroy_suggests_what_was_meant(project: Path) -> None:
    assert "did you mean 'orders'" in refused(project, "destroy", "flow", "order").message
