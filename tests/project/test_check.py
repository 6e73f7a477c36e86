from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from random import Random
from time import process_time

import pytest
from boxes import SOUND, Write
from pace import beside

from hygge.codes import CODES
from hygge.errors import UsageError
from hygge.project import Project, ProjectError, check, find_root


def told(root: Path) -> list[tuple[str, str]]:
    return [(d.code, d.where) for d in check(root).diagnostics]


def one(root: Path) -> tuple[str, str, str, tuple[str, ...]]:
    (found,) = check(root).diagnostics
    return found.code, found.where, found.message, found.help


def test_a_sound_project_has_no_mistakes(write: Write) -> None:
    report = check(write({"environments/prod.yml": ""}))
    assert report.diagnostics == ()
    assert (report.homes, report.stores, report.flows, report.environments) == (1, 1, 1, 1)


def test_a_misspelt_key_hides_what_it_would_have_said(write: Write) -> None:
    root = write(
        {
            "stores/other.yml": "type: testbin\npath: x\n",
            "flows/users.yml": "home: files\nstroe: lake\n",
        }
    )
    code, where, message, help_lines = one(root)
    assert (code, where) == ("HG102", "flows/users.yml:2:1")
    assert message == "unknown key 'stroe'; did you mean 'store'?"
    assert help_lines[0].startswith("keys of a flow: home, store, entity, into, entities")


def test_a_misspelt_key_of_a_connector_hides_that_it_is_missing(write: Write) -> None:
    code, where, message, _ = one(write({"homes/files.yml": "type: testbin\npaht: data/in\n"}))
    assert (code, where) == ("HG102", "homes/files.yml:2:1")
    assert "did you mean 'path'" in message


def test_words_of_other_tools_lead_to_ours(write: Write) -> None:
    found = check(write({"flows/users.yml": "source: files\ndestination: lake\n"})).diagnostics
    assert [d.message for d in found] == [
        "unknown key 'source'; did you mean 'home'?",
        "unknown key 'destination'; did you mean 'store'?",
    ]


@pytest.mark.parametrize(
    ("file", "text", "code", "where", "words"),
    [
        ("homes/files.yml", "path: x\n", "HG103", "1:1", "needs a type"),
        ("homes/files.yml", "", "HG103", "1:1", "needs a type"),
        ("homes/files.yml", "typ: testbin\npath: x\n", "HG102", "1:1", "'type'"),
        ("homes/files.yml", "type: testbni\npath: x\n", "HG104", "1:7", "mean 'testbin'"),
        ("homes/files.yml", "type: testbin\n", "HG105", "1:1", "requires the key 'path'"),
        ("homes/files.yml", "type: testbin\npath: 5\n", "HG106", "2:7", "must be text"),
        ("homes/files.yml", "type: testbin\npath:\n", "HG106", "2:1", "has no value"),
        ("homes/files.yml", "type: ${T}\npath: x\n", "HG108", "1:7", "'type'"),
        ("homes/files.yml", "type: testbin\npath: ${A\n", "HG107", "2:7", "not closed"),
        (
            "homes/files.yml",
            "type: testbin\npath: ${A-b}\n",
            "HG107",
            "2:7",
            "mean ':-' instead of '-'",
        ),
        ("homes/files.yml", "type: testbin\npath: ${1A}\n", "HG107", "2:7", "not a variable"),
        ("homes/files.yml", "- type: testbin\n", "HG101", "1:1", "not a list"),
        ("homes/files.yml", "type:testbin\n", "HG101", "1:1", "single value"),
        ("flows/users.yml", "home: fils\n", "HG202", "1:7", "did you mean 'files'"),
        ("flows/users.yml", "store: lak\n", "HG203", "1:8", "did you mean 'lake'"),
        ("flows/users.yml", "store: ${S}\n", "HG108", "1:8", "cannot be a variable"),
        ("flows/users.yml", "store: [lake]\n", "HG106", "1:8", "write a name"),
        ("flows/users.yml", "mode: replce\n", "HG106", "1:7", "did you mean 'replace'"),
        ("flows/users.yml", "mode: merge\n", "HG209", "1:7", "does not support mode merge"),
        ("flows/users.yml", "timeout: 5 weeks\n", "HG106", "1:10", "5m"),
        ("flows/users.yml", "parallel: many\n", "HG106", "1:11", "whole number or 'auto'"),
        ("flows/users.yml", "parallel: 0\n", "HG106", "1:11", "at least 1"),
        ("flows/users.yml", "tags: {a: b}\n", "HG106", "1:7", "must be a list"),
        ("flows/users.yml", "columns: {a: {tpye: int64}}\n", "HG102", "1:15", "'type'"),
        ("flows/users.yml", "columns: {a: {type: int65}}\n", "HG106", "1:21", "no such type"),
        ("flows/users.yml", "entities: [a, {nam: b}]\n", "HG102", "1:16", "'name'"),
        ("flows/users.yml", "entities: [a, {mode: append}]\n", "HG105", "1:15", "'name'"),
        ("flows/users.yml", "entities: a.*\ninto: b\n", "HG214", "2:1", "'into'"),
        ("flows/users.yml", "entities: []\n", "HG214", "1:11", "empty"),
        ("flows/users.yml", "entity: a\nentities: [b]\n", "HG214", "1:1", "cannot be combined"),
        ("flows/users.yml", "entity: a*\ninto: b\n", "HG214", "1:9", "is a glob for many"),
        ("flows/users.yml", 'entity: "a\\nb"\n', "HG106", "1:9", "line breaks"),
        ("flows/users.yml", "after: [usres]\n", "HG205", "1:9", "did you mean 'users'"),
        ("flows/users.yml", "after: users\n", "HG206", "1:8", "depends on itself"),
        ("flows/users.yml", "entities: [a, a]\n", "HG211", "1:15", "also written by this flow"),
        ("flows/users.yml", "entities: [a, A]\n", "HG211", "1:15", "differs only in case"),
        ("flows/users.yml", "home: {path: x}\n", "HG103", "1:7", "needs a type"),
        ("hygge.yml", "name: x\nconcurency: 3\n", "HG102", "2:1", "'concurrency'"),
        ("hygge.yml", "memory_limit: lots\n", "HG106", "1:15", "256MB"),
        ("hygge.yml", f"memory_limit: {'9' * 400}GB\n", "HG106", "1:15", "finite"),
        ("hygge.yml", "memory_limit: 9999999TB\n", "HG106", "1:15", "must be at most"),
        ("hygge.yml", "defaults: {timeout: .inf}\n", "HG106", "1:21", "must be at most"),
        ("hygge.yml", "defaults: {mod: append}\n", "HG102", "1:12", "'mode'"),
        ("stores/lake.yml", "type: testbin\npath: data/in\n", "HG212", "", "to what it reads"),
        ("stores/lake.yml", "type: testbin\npath: data/in/users\n", "HG212", "", "data/in/users"),
        ("environments/prod.yml", "stores: {lak: {}}\n", "HG304", "1:10", "mean 'lake'"),
        ("environments/prod.yml", "stoers: {}\n", "HG102", "1:1", "'stores'"),
        ("environments/prod.yml", "flows: {users: {mode: x}}\n", "HG106", "1:23", "must be"),
        ("environments/prod.yml", "homes: {files: {pth: x}}\n", "HG102", "1:17", "'path'"),
        ("environments/prod.yml", "concurrency: 0\n", "HG106", "1:14", "at least 1"),
        (
            "environments/prod.yml",
            "defaults: {mode: merge}\n",
            "HG209",
            "1:18",
            "does not support mode merge",
        ),
        ("flows/Big.yml", "entity: a\n", "HG208", "1:1", "not a valid name"),
        ("flows/null.yml", "entity: a\n", "HG208", "1:1", "has another meaning"),
        ("flows/aux.yml", "entity: a\n", "HG208", "1:1", "device on Windows"),
        ("flows/more/users.yaml", "entity: a\n", "HG207", "1:1", "also defined in"),
        ("homes/files.yaml", "type: testbin\npath: x\n", "HG207", "", "also defined in"),
        ("homes/spare.yml", "type: testbin\npath: x\n", "HG213", "1:1", "no flow uses"),
        ("flow/more.yml", "entity: a\n", "HG216", "", "did you mean flows/"),
    ],
)
def test_each_mistake_is_told_once_at_its_place(
    write: Write, file: str, text: str, code: str, where: str, words: str
) -> None:
    changes = {file: text}
    if file == "homes/spare.yml":
        changes["flows/users.yml"] = "home: files\n"
    if file.startswith("flows/") and file != "flows/users.yml":
        changes["flows/users.yml"] = "entity: b\n"
    else:
        changes.setdefault("flows/users.yml", "home: files\nstore: lake\n")
    found = check(write(changes)).diagnostics
    assert [(d.code, words in d.message) for d in found] == [(code, True)], found
    if where:
        place = "flows/users.yml" if code == "HG207" else file
        assert found[0].where == f"{place}:{where}"
    assert code in CODES


def test_every_message_of_a_mistake_names_a_way_out(write: Write) -> None:
    root = write({"flows/users.yml": "home: fils\nafter: [usres]\nstroe: x\nmode: merge\n"})
    assert all(d.help for d in check(root).diagnostics)


def test_merging_needs_a_key(write: Write) -> None:
    root = write(
        {
            "stores/vault.yml": "type: testvault\nhost: h\npassword: ${P}\n",
            "flows/users.yml": "store: lake\n",
            "flows/orders.yml": "store: vault\nmode: merge\n",
        }
    )
    assert told(root) == [("HG210", "flows/orders.yml:2:7")]


def test_two_flows_that_write_one_place_are_refused(write: Write) -> None:
    root = write({"flows/people.yml": "entity: staff\ninto: Users\n"})
    code, where, message, _ = one(root)
    assert (code, where) == ("HG211", "flows/users.yml:1:1")
    assert "flows/people.yml:1" in message


def test_two_stores_that_are_one_place_are_seen_through_links(write: Write) -> None:
    root = write(
        {
            "stores/other.yml": "type: testbin\npath: link\n",
            "flows/users.yml": "home: files\nstore: lake\n",
            "flows/people.yml": "store: other\nentity: users\n",
        }
    )
    (root / "data/lake").mkdir(parents=True)
    (root / "link").symlink_to(root / "data/lake")
    assert [code for code, _ in told(root)] == ["HG211"]


def test_a_glob_and_a_name_of_one_home_collide_unless_excluded(write: Write) -> None:
    root = write({"flows/all.yml": "entities: ['*']\n"})
    assert [code for code, _ in told(root)] == ["HG211"]
    write({"flows/all.yml": "entities: ['*']\nexclude: users\n"})
    assert told(root) == []


def test_a_glob_and_a_name_that_lands_elsewhere_do_not_collide(write: Write) -> None:
    root = write({"flows/all.yml": "entities: ['*']\n", "flows/users.yml": "into: people\n"})
    assert told(root) == []


def test_globs_of_two_homes_may_fill_one_store(write: Write) -> None:
    root = write(
        {
            "homes/more.yml": "type: testbin\npath: data/more\n",
            "flows/users.yml": "home: files\nentities: ['*']\n",
            "flows/others.yml": "home: more\nentities: ['*']\n",
        }
    )
    assert told(root) == []


def test_the_circle_of_waiting_flows_is_told_once(write: Write) -> None:
    root = write(
        {
            "flows/users.yml": "after: [b]\n",
            "flows/a.yml": "after: [c]\n",
            "flows/b.yml": "after: [a]\n",
            "flows/c.yml": "after: [b]\n",
        }
    )
    code, where, message, _ = one(root)
    assert (code, where) == ("HG206", "flows/a.yml:1:9")
    assert "a → c → b → a" in message


def test_circles_that_share_a_flow_are_all_told(write: Write) -> None:
    root = write(
        {
            "flows/users.yml": "after: [a, c]\n",
            "flows/a.yml": "after: [b]\n",
            "flows/b.yml": "after: [c, a]\n",
            "flows/c.yml": "after: [d]\n",
            "flows/d.yml": "after: [a, users]\n",
            "flows/e.yml": "after: [users]\n",
            "flows/f.yml": "",
        }
    )
    start = "dependency cycle: "
    assert [(d.code, d.where, d.message.removeprefix(start)) for d in check(root).diagnostics] == [
        ("HG206", "flows/a.yml:1:9", "a → b → a"),
        ("HG206", "flows/b.yml:1:9", "b → c → d → a → b"),
        ("HG206", "flows/d.yml:1:12", "d → users → c → d"),
        ("HG206", "flows/users.yml:1:9", "users → a → b → c → d → users"),
    ]


def steps_in(text: str) -> set[tuple[str, str]]:
    return set(pairwise(text.rpartition(": ")[2].split(" → ")))


@pytest.mark.parametrize("seed", range(20))
def test_each_after_on_a_circle_is_told_with_one_and_no_other_is(write: Write, seed: int) -> None:
    random = Random(seed)
    names = [f"f{number}" for number in range(random.randint(3, 12))]
    after = {n: random.sample(names, random.randint(0, min(3, len(names)))) for n in names}
    graph = steps_of_circles(after)
    root = write(
        {f"flows/{n}.yml": f"entity: {n}\nafter: {others}\n" for n, others in after.items()}
    )
    messages = [d.message for d in check(root).diagnostics]
    alone = {m.split("'")[1] for m in messages if "itself" in m}
    assert alone == {name for name in names if name in after[name]}
    told = [steps_in(m) for m in messages if "itself" not in m]
    assert set().union(*told) == graph
    assert all(step[1] in after[step[0]] for one in told for step in one)


def steps_of_circles(after: dict[str, list[str]]) -> set[tuple[str, str]]:
    """Return the steps from which one can come back, found by walking from each."""
    found = set()
    for name, others in after.items():
        for other in others:
            seen, todo = {other}, [other]
            while todo:
                todo += [one for one in after[todo.pop()] if one not in seen]
                seen.update(todo)
            if name in seen and name != other:
                found.add((name, other))
    return found


def test_flows_that_all_wait_for_each_other_are_told_at_once(write: Write) -> None:
    names = [f"f{number:02}" for number in range(60)]
    root = write(
        {
            f"flows/{n}.yml": f"entity: {n}\nafter: [{', '.join(o for o in names if o != n)}]\n"
            for n in names
        }
    )
    with beside() as controls:
        start = process_time()
        found = check(root).diagnostics
        used = process_time() - start
    assert controls.of(used) < 15
    assert len(found) == 60 * 59 // 2
    assert found[0].message == "dependency cycle: f00 → f01 → f00"


def test_the_middle_of_a_very_long_circle_is_left_out(write: Write) -> None:
    root = write(
        {f"flows/f{n:02}.yml": f"entity: f{n}\nafter: f{(n + 1) % 60:02}\n" for n in range(60)}
    )
    _, where, message, _ = one(root)
    assert where == "flows/f00.yml:2:8"
    assert "f18 → f19 → (21 more) → f41 → f42" in message
    assert message.endswith("f59 → f00")


def test_a_flow_that_waits_for_itself_hides_no_circle(write: Write) -> None:
    root = write({"flows/a.yml": "after: [a, b]\n", "flows/b.yml": "after: [b, a]\n"})
    found = check(root).diagnostics
    assert [(d.where, d.message) for d in found] == [
        ("flows/a.yml:1:9", "flow 'a' depends on itself"),
        ("flows/a.yml:1:12", "dependency cycle: a → b → a"),
        ("flows/b.yml:1:9", "flow 'b' depends on itself"),
    ]


def test_a_mistake_in_a_setting_hides_no_mode_that_will_not_do(write: Write) -> None:
    root = write({"flows/users.yml": "mode: merge\nretries: many\n"})
    assert told(root) == [("HG209", "flows/users.yml:1:7"), ("HG106", "flows/users.yml:2:10")]


def test_a_flow_must_name_one_of_several_stores(write: Write) -> None:
    root = write(
        {"stores/more.yml": "type: testbin\npath: m\n", "flows/users.yml": "home: files\n"}
    )
    code, where, _, help_lines = one(root)
    assert (code, where, help_lines) == ("HG204", "flows/users.yml:1:1", ("store: lake | more",))


def test_a_store_that_one_environment_uses_is_used(write: Write) -> None:
    root = write(
        {
            "stores/more.yml": "type: testbin\npath: m\n",
            "flows/users.yml": "home: files\nstore: lake\n",
            "environments/prod.yml": "flows: {users: {store: more}}\n",
        }
    )
    assert told(root) == []


def test_an_overlay_that_changes_the_type_replaces_the_settings(write: Write) -> None:
    root = write(
        {
            "environments/prod.yml": "stores:\n  lake:\n    type: testvault\n    host: h\n"
            "    password: ${P}\n"
        }
    )
    assert told(root) == []


def test_no_variable_has_to_be_set_and_none_is_read(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(
        {
            "hygge.yml": "concurrency: ${HYGGE_T_C}\nmemory_limit: ${HYGGE_T_M}\n",
            "homes/files.yml": "type: testbin\npath: ${HYGGE_T_P:?where}\ndepth: ${HYGGE_T_D}\n"
            "strict: ${HYGGE_T_S}\n",
            "flows/users.yml": "mode: ${HYGGE_T_MODE}\ncolumns: {a: {rename: '${HYGGE_T_R}'}}\n"
            "select: ${HYGGE_T_SEL}\ntimeout: ${HYGGE_T_T}\nparallel: ${HYGGE_T_PAR}\n",
        }
    )
    assert told(root) == []
    for name in ("C", "M", "P", "D", "S", "MODE", "R", "SEL", "T", "PAR"):
        monkeypatch.setenv(f"HYGGE_T_{name}", "nonsense ⦃")
    assert told(root) == []


def test_a_wrong_default_of_a_variable_is_told(write: Write) -> None:
    root = write({"flows/users.yml": "mode: ${M:-replce}\n"})
    assert told(root) == [("HG106", "flows/users.yml:1:7")]


def test_the_check_of_variables_tells_what_is_not_set(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYGGE_T_D", "many")
    root = write({"homes/files.yml": "type: testbin\npath: ${HYGGE_T_P}\ndepth: ${HYGGE_T_D}\n"})
    found = check(root, with_variables=True).diagnostics
    assert [(d.code, d.where) for d in found] == [
        ("HG301", "homes/files.yml:2:7"),
        ("HG106", "homes/files.yml:3:8"),
    ]


def test_a_file_that_cannot_be_parsed_hides_nothing_else(write: Write) -> None:
    root = write({"homes/files.yml": "type: [\n", "flows/more.yml": "entity: b\nmode: x\n"})
    assert told(root) == [("HG106", "flows/more.yml:2:7"), ("HG001", "homes/files.yml:1:8")]


def test_files_that_are_no_files_are_told(write: Write) -> None:
    root = write({"flows/users.yml": "home: files\n"})
    (root / "flows/folder.yml").mkdir()
    (root / "flows/gone.yml").symlink_to("nowhere")
    os.mkfifo(root / "flows/pipe.yml")
    found = check(root).diagnostics
    assert [(d.code, d.file) for d in found] == [
        ("HG002", "flows/folder.yml"),
        ("HG002", "flows/gone.yml"),
        ("HG002", "flows/pipe.yml"),
    ]


def test_hidden_files_and_other_endings_are_not_read(write: Write) -> None:
    root = write({"flows/.users.yml.swp.yml": "{", "flows/README.md": "{", "flows/x.yml~": "{"})
    assert told(root) == []


def test_flows_may_lie_in_folders(write: Write) -> None:
    root = write({"flows/daily/orders.yml": "", "flows/daily/deep/items.yaml": ""})
    assert sorted(Project.load(root).flows) == ["items", "orders", "users"]


def test_a_literal_secret_is_told_without_its_value(write: Write) -> None:
    root = write(
        {
            "stores/vault.yml": "type: testvault\nhost: h\npassword: hunter2\nport: {a: hunter2}\n",
            "flows/users.yml": "store: lake\n",
            "flows/more.yml": "store: vault\n",
        }
    )
    report = check(root)
    assert [(d.code, d.where) for d in report.diagnostics] == [
        ("HG401", "stores/vault.yml:3:1"),
        ("HG106", "stores/vault.yml:4:7"),
    ]
    assert [d.excerpt for d in report.diagnostics] == ["password: ***", "port: {a: hunter2}"]
    assert "hunter2" not in " ".join(d.message + " ".join(d.help) for d in report.diagnostics)


def test_env_files_must_be_ignored_by_git(write: Write) -> None:
    root = write({".env": "A=1\noops\n", ".env.example": "A=\n"})
    assert told(root) == [("HG302", ".env:2:1")]
    (root / ".git").mkdir()
    assert [code for code, _ in told(root)] == ["HG402", "HG302"]
    (root / ".gitignore").write_text("# x\n.env*\n!.env.example\n")
    assert [code for code, _ in told(root)] == ["HG302"]


@pytest.mark.parametrize(
    ("text", "mode", "is_told"),
    [
        ("DB_PASSWORD=x\n", 0o644, True),
        ("PASSWORD_OF_PROD=x\n", 0o604, True),
        ("LAKE=https://me:hunter2@host/\n", 0o644, True),
        ("DB_PASSWORD=x\n", 0o640, False),
        ("DB_PASSWORD=\n", 0o644, False),
        ("LAKE_PATH=/srv/lake\n", 0o644, False),
    ],
)
def test_an_env_file_with_a_secret_is_not_for_everybody(
    write: Write, text: str, mode: int, is_told: bool
) -> None:
    root = write({".env": text})
    for folder in (root, *root.parents):
        if folder.owner() == root.owner() and not folder.stat().st_mode & 0o1:
            folder.chmod(0o755)
    (root / ".env").chmod(mode)
    assert [code for code, _ in told(root)] == (["HG403"] if is_told else [])
    root.chmod(0o700)
    assert told(root) == []


def test_resolving_raises_every_error_at_once(write: Write) -> None:
    root = write({"flows/users.yml": "mode: x\nretries: y\n", "homes/spare.yml": "type: z\n"})
    project = Project.load(root)
    with pytest.raises(ProjectError) as caught:
        project.resolve(["users"])
    assert [d.code for d in caught.value.diagnostics] == ["HG204", "HG106", "HG106"]
    assert [d.code for d in project.problems_elsewhere] == ["HG104"]


def test_the_root_is_found_upward(write: Write, tmp_path: Path) -> None:
    root = write(SOUND)
    assert find_root(root / "flows") == root
    assert find_root(root / "flows/users.yml") == root


def test_no_project_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no project here") as caught:
        find_root(tmp_path)
    assert (caught.value.code, caught.value.hint) == ("HG201", "hygge init NAME")


def test_checking_imports_no_data_library(write: Write) -> None:
    root = write(
        {
            "homes/files.yml": "type: parquet\npath: data/in\n",
            "stores/lake.yml": "type: parquet\npath: data/lake\n",
        }
    )
    code = (
        "import sys\nfrom pathlib import Path\nfrom hygge.project import check\n"
        f"assert not check(Path({os.fspath(root)!r})).diagnostics\n"
        "print({'pyarrow', 'jinja2', 'tenacity', 'duckdb'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_what_pydantic_refuses_is_said_in_words_of_ours(write: Write) -> None:
    root = write(
        {
            "hygge.yml": "name: test\nmask_salt: short\n",
            "homes/files.yml": "type: csv\npath: in\ntimestamp_formats: [DD/MM]\n",
        }
    )
    found = {one.message: one.help for one in check(root).diagnostics}
    assert "'mask_salt': must have at least 8 characters" in found
    said, helps = next((m, h) for m, h in found.items() if "timestamp_formats" in m)
    assert "or a mapping" not in said
    assert helps[-1].endswith("such as `%d/%m/%Y %H:%M`")
