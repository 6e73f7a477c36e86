from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from projects import hygge, write_project

SOUND = {
    "homes/files.yml": "type: parquet\npath: data/in\n",
    "stores/lake.yml": "type: parquet\npath: data/lake\n",
    "flows/users.yml": "home: files\nstore: lake\n",
}


def test_a_sound_project_passes(tmp_path: Path) -> None:
    done = hygge(write_project(tmp_path, SOUND), "validate")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Checked 1 home, 1 store, 1 flow, 0 environments in ")
    assert done.stdout.endswith(": no errors\n")


def test_mistakes_go_to_standard_output_with_exit_code_1(tmp_path: Path) -> None:
    root = write_project(tmp_path, {**SOUND, "flows/users.yml": "home: files\nstroe: lake\n"})
    done = hygge(root, "validate")
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout.splitlines()[:4] == [
        "flows/users.yml:2:1: error[HG102]: unknown key 'stroe'; did you mean 'store'?",
        "  |",
        "2 | stroe: lake",
        "  | ^^^^^",
    ]
    assert done.stdout.splitlines()[-1].endswith(": 1 error")


def test_warnings_pass_unless_strict(tmp_path: Path) -> None:
    spare = {"homes/spare.yml": "type: parquet\npath: x\n"}
    root = write_project(tmp_path, {**SOUND, **spare})
    assert hygge(root, "validate").returncode == 0
    done = hygge(root, "validate", "--strict", "--format", "concise")
    assert done.returncode == 1
    assert "homes/spare.yml:1:1: warning[HG213]: no flow uses home 'spare'" in done.stdout


def test_no_project_is_exit_code_2(tmp_path: Path) -> None:
    done = hygge(tmp_path, "validate")
    assert done.returncode == 2
    assert "no project here" in done.stderr
    assert "hygge init NAME" in done.stderr
    assert "hygge validate --discover" in done.stderr


def test_paths_choose_projects_and_files(tmp_path: Path) -> None:
    bad = {"flows/users.yml": "mode: x\n", "flows/orders.yml": "mode: y\nentity: o\n"}
    write_project(tmp_path / "one", {**SOUND, **bad})
    write_project(tmp_path / "two", SOUND)
    done = hygge(tmp_path, "validate", "one/flows/users.yml", "two", "--format", "concise")
    assert done.returncode == 1
    first, verdict = done.stdout.splitlines()
    assert first.startswith("one/flows/users.yml:1:7: error[HG106]")
    assert verdict.startswith("Checked 2 homes, 2 stores, 3 flows")
    assert hygge(tmp_path, "validate", "two").returncode == 0
    assert hygge(tmp_path, "validate", "three").returncode == 2


def test_json_is_one_object_and_nothing_else(tmp_path: Path) -> None:
    root = write_project(tmp_path, {**SOUND, "flows/users.yml": "mode: x\n"})
    answer = json.loads(hygge(root, "validate", "--format", "json").stdout)
    assert [d["code"] for d in answer["diagnostics"]] == ["HG106"]
    assert answer["errors"] == 1


def test_every_project_below_is_discovered(tmp_path: Path) -> None:
    wrong = {**SOUND, "flows/users.yml": "home: files\nmode: x\n"}
    write_project(tmp_path / "teams/shop", wrong)
    write_project(tmp_path / "bank", SOUND)
    write_project(tmp_path / "bank/examples/inner", wrong)
    for hidden in (".cache/one", "node_modules/two", "env/lib/three"):
        write_project(tmp_path / hidden, wrong)
    (tmp_path / "env/pyvenv.cfg").touch()
    (tmp_path / "circle").symlink_to(tmp_path)
    done = hygge(tmp_path, "validate", "--discover", "--format", "concise")
    assert done.returncode == 1
    places = [line.split(": ")[0] for line in done.stdout.splitlines()]
    assert places[:-1] == [
        "bank/examples/inner/flows/users.yml:2:7",
        "teams/shop/flows/users.yml:2:7",
    ]
    assert done.stdout.splitlines()[-1].startswith("Checked 3 homes, 3 stores, 3 flows")
    assert hygge(tmp_path / "bank/homes", "validate", "--discover").returncode == 0


def test_discovering_nothing_is_no_success(tmp_path: Path) -> None:
    done = hygge(tmp_path, "validate", "--discover")
    assert done.returncode == 2
    assert "error[HG201]: no project here" in done.stderr


def test_files_are_named_as_seen_from_where_one_stands(tmp_path: Path) -> None:
    wrong = {**SOUND, "flows/users.yml": "home: files\nmode: x\n"}
    root = write_project(tmp_path / "shop", wrong)
    (tmp_path / "elsewhere").mkdir()
    places = {
        (root, "."): "flows/users.yml",
        (root / "flows", "."): "../flows/users.yml",
        (tmp_path, "shop"): "shop/flows/users.yml",
        (tmp_path / "elsewhere", "../shop"): f"{root.resolve()}/flows/users.yml",
    }
    for (where, path), file in places.items():
        told = hygge(where, "validate", path, "--format", "concise").stdout
        assert told.startswith(f"{file}:2:7: error[HG106]")


def test_code_hosts_get_files_as_seen_from_the_repository(tmp_path: Path) -> None:
    wrong = {**SOUND, "flows/users.yml": "home: files\nmode: x\n"}
    root = write_project(tmp_path / "shop", wrong)
    (tmp_path / ".git").mkdir()
    told = hygge(root, "validate", "--format", "github", GITHUB_WORKSPACE="").stdout
    assert "::error file=shop/flows/users.yml,line=2,col=7,endColumn=8,title=HG106::" in told
    told = hygge(root, "validate", "--format", "sarif", GITHUB_WORKSPACE=str(tmp_path)).stdout
    (result,) = json.loads(told)["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "shop/flows/users.yml", "uriBaseId": "%SRCROOT%"}


@pytest.mark.parametrize("word", ["HG102", "hg102", "102"])
def test_a_code_is_explained_without_a_project(tmp_path: Path, word: str) -> None:
    done = hygge(tmp_path, "validate", "--explain", word)
    assert done.returncode == 0
    assert done.stdout.startswith("error[HG102]: unknown key\n\nUnknown keys are errors")
    assert done.stdout.endswith("right:\n  # flows/users.yml\n  store: lake\n")
    answer = json.loads(hygge(tmp_path, "validate", "--explain", word, "--format", "json").stdout)
    assert (answer["code"], answer["severity"]) == ("HG102", "error")


def test_every_variable_that_is_not_set_is_listed(tmp_path: Path) -> None:
    files = {
        "homes/files.yml": "type: parquet\npath: ${HYGGE_T_A}/${HYGGE_T_B}\n",
        "flows/users.yml": "home: files\nentity: ${HYGGE_T_C}\nwhen: x\n",
        "hygge.yml": "name: x\nmemory_limit: ${HYGGE_T_D:?bytes}\nconcurrency: ${HYGGE_T_E}\n",
        ".env": "HYGGE_T_E=many\n",
    }
    root = write_project(tmp_path, {**SOUND, **files})
    done = hygge(root, "validate", "--env-check", "--format", "json")
    found = [(d["code"], d["message"]) for d in json.loads(done.stdout)["diagnostics"]]
    assert [m for code, m in found if code == "HG301"] == [
        "variable HYGGE_T_C is not set",
        "variable HYGGE_T_A is not set",
        "variable HYGGE_T_B is not set",
        "variable HYGGE_T_D is not set: bytes",
    ]
    assert ("HG102", "unknown key 'when'; did you mean 'where'?") in found
    assert ("HG106", "'concurrency' cannot be '${HYGGE_T_E}': must be a whole number") in found
    assert "many" not in done.stdout


def test_the_check_of_variables_takes_the_environment_given(tmp_path: Path) -> None:
    overlay = "stores: {lake: {path: '${HYGGE_T_LAKE}/x'}}\n"
    root = write_project(tmp_path, {**SOUND, "environments/prod.yml": overlay})
    assert hygge(root, "validate").returncode == 0
    assert hygge(root, "validate", "--env-check").returncode == 0
    done = hygge(root, "--env", "prod", "validate", "--env-check")
    assert done.returncode == 1
    assert "error[HG301]: variable HYGGE_T_LAKE is not set" in done.stdout
    assert (
        hygge(root, "--env", "prod", "validate", "--env-check", HYGGE_T_LAKE="/x").returncode == 0
    )
    wrong = hygge(root, "--env", "prd", "validate")
    assert wrong.returncode == 2
    assert "did you mean 'prod'" in wrong.stderr


def test_validate_imports_neither_pyarrow_nor_templates_nor_drivers(tmp_path: Path) -> None:
    root = write_project(tmp_path, SOUND)
    code = (
        "import sys\n"
        "from hygge.cli.app import app\n"
        f"sys.argv = ['hygge', '-C', {os.fspath(root)!r}, 'validate']\n"
        "try:\n    app()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'pyarrow', 'jinja2', 'tenacity', 'duckdb', 'numpy', 'rich.progress'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_list_shows_what_there_is(tmp_path: Path) -> None:
    more = {"flows/orders.yml": "entities: [a, 'b*']\ntags: [daily]\nenabled: false\n"}
    root = write_project(tmp_path, {**SOUND, **more})
    done = hygge(root, "list")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["orders", "files", "lake", "a,", "b*", "daily", "disabled"] in rows
    assert ["users", "files", "lake", "users"] in rows
    assert ["lake", "parquet", "stores/lake.yml"] in rows
    answer = json.loads(hygge(root, "list", "--json").stdout)
    assert [flow["name"] for flow in answer["flows"]] == ["orders", "users"]
    assert answer["homes"] == [{"name": "files", "type": "parquet", "file": "homes/files.yml"}]


def shown(root: Path, *arguments: str, **variables: str) -> dict[str, tuple[object, str]]:
    done = hygge(root, *arguments, "show", "users", "--json", **variables)
    assert done.returncode == 0, done.stderr
    settings = json.loads(done.stdout)["settings"]
    return {one["key"]: (one["value"], one["origin"]) for one in settings}


def test_show_tells_where_each_value_comes_from(tmp_path: Path) -> None:
    root = write_project(
        tmp_path,
        {
            **SOUND,
            "hygge.yml": "defaults: {retries: 9}\n",
            "stores/lake.yml": "type: parquet\npath: ${HYGGE_T_LAKE:-data/lake}\n",
            "flows/users.yml": "store: lake\ntimeout: 30m\nselect: [a, 'true', '1']\n",
            "environments/prod.yml": "flows: {users: {mode: append}}\n",
            ".env.prod": "HYGGE_T_LAKE=/srv/lake\n",
        },
    )
    plain = shown(root)
    assert plain["home"] == ("files", "the only home of the project")
    assert plain["store"] == ("lake", "flows/users.yml:1")
    assert plain["store.path"] == ("data/lake", "stores/lake.yml:2, HYGGE_T_LAKE is not set")
    assert plain["entity"] == ("users", "the flow's name")
    assert plain["mode"] == ("replace", "default")
    assert plain["retries"] == (9, "hygge.yml:1 (defaults)")
    assert plain["timeout"] == ("30m", "flows/users.yml:2")
    prod = shown(root, "--env", "prod")
    assert prod["mode"] == ("append", "environments/prod.yml:1")
    assert prod["store.path"] == ("/srv/lake", "stores/lake.yml:2, HYGGE_T_LAKE from .env.prod")
    text = hygge(root, "show", "users").stdout.splitlines()
    line = next(line for line in text if line.startswith("select:"))
    assert line.split("#")[0].strip() == 'select: [a, "true", "1"]'


def test_show_of_an_unknown_flow_suggests_the_nearest(tmp_path: Path) -> None:
    done = hygge(write_project(tmp_path, SOUND), "show", "usrs")
    assert done.returncode == 2
    assert "did you mean 'users'" in done.stderr


def test_a_broken_flow_that_is_shown_is_exit_code_3_with_every_error(tmp_path: Path) -> None:
    root = write_project(tmp_path, {**SOUND, "flows/users.yml": "mode: x\nretries: y\n"})
    listed = hygge(root, "list")
    assert listed.returncode == 0
    assert "2 errors elsewhere in the project, in flows/users.yml" in listed.stderr
    done = hygge(root, "show", "users")
    assert done.returncode == 3
    assert "flows/users.yml:1:7: error[HG106]" in done.stderr
    assert "flows/users.yml:2:10: error[HG106]" in done.stderr
