from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from boxes import BinHomeConfig, BinStoreConfig, Write

from hygge.errors import UsageError
from hygge.project import Project, ProjectError, check
from hygge.values.model import Mode


def test_a_flow_takes_its_name_as_entity_and_the_types_defaults(write: Write) -> None:
    project = Project.load(write({}))
    (flow,) = project.resolve(["users"])
    assert (flow.name, flow.file, flow.line) == ("users", "flows/users.yml", 1)
    assert (flow.home_name, flow.store_name) == ("files", "lake")
    assert flow.home == BinHomeConfig(type="testbin", path="data/in")
    assert flow.store == BinStoreConfig(type="testbin", path="data/lake")
    (entity,) = flow.entities
    assert (entity.pattern, entity.into, entity.settings.mode) == ("users", None, Mode.REPLACE)
    assert (project.name, project.concurrency, project.memory_limit) == ("shop", 4, 10**9)


def test_the_only_home_and_store_need_not_be_named(write: Write) -> None:
    project = Project.load(write({"flows/users.yml": ""}))
    (flow,) = project.resolve(["users"])
    assert (flow.home_name, flow.store_name) == ("files", "lake")


def test_precedence_is_entity_over_flow_over_defaults(write: Write) -> None:
    root = write(
        {
            "hygge.yml": "defaults: {mode: append, retries: 9, timeout: 30m}\n",
            "flows/users.yml": "retries: 5\nentities:\n- a\n- {name: b, into: c, retries: 1}\n",
        }
    )
    (flow,) = Project.load(root).resolve(["users"])
    first, second = flow.entities
    assert (first.settings.mode, first.settings.retries) == (Mode.APPEND, 5)
    assert (second.settings.mode, second.settings.retries) == (Mode.APPEND, 1)
    assert second.settings.timeout == 1800
    assert (second.pattern, second.into, second.line) == ("b", "c", 4)


def test_an_overlay_is_merged_deeply(write: Write) -> None:
    root = write(
        {
            "environments/prod.yml": (
                "concurrency: 8\nstores: {lake: {path: /srv/lake}}\n"
                "flows: {users: {mode: append}}\ndefaults: {retries: 7}\n"
            )
        }
    )
    project = Project.load(root, env="prod")
    (flow,) = project.resolve(["users"])
    assert project.concurrency == 8
    assert flow.store == BinStoreConfig(type="testbin", path="/srv/lake")
    assert flow.home == BinHomeConfig(type="testbin", path="data/in")
    assert flow.entities[0].settings.mode is Mode.APPEND
    assert flow.entities[0].settings.retries == 7
    (plain,) = Project.load(root).resolve(["users"])
    assert plain.entities[0].settings.mode is Mode.REPLACE


def test_an_unknown_environment_suggests_the_nearest(write: Write) -> None:
    root = write({"environments/prod.yml": ""})
    with pytest.raises(UsageError, match="did you mean 'prod'"):
        Project.load(root, env="prdo")


def test_an_unknown_flow_suggests_the_nearest(write: Write) -> None:
    project = Project.load(write({}))
    with pytest.raises(UsageError, match="no flow 'user'; did you mean 'users'"):
        project.resolve(["user"])


def test_every_missing_variable_and_driver_of_the_chosen_flows_is_told_at_once(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HYGGE_T_BASE", raising=False)
    root = write(
        {
            "homes/files.yml": "type: testbin\npath: ${HYGGE_T_BASE}/in\n",
            "stores/vault.yml": "type: testvault\nhost: ${HYGGE_T_HOST:?ask ops}\n"
            "password: ${HYGGE_T_PW}\n",
            "flows/orders.yml": "home: files\nstore: vault\n",
            "flows/other.yml": "home: files\nstore: lake\nretries: ${HYGGE_T_OTHER}\n",
        }
    )
    project = Project.load(root)
    assert sorted(project.flows) == ["orders", "other", "users"]
    with pytest.raises(ProjectError) as caught:
        project.resolve(["users", "orders"])
    found = [(d.code, d.where) for d in caught.value.diagnostics]
    assert found == [
        ("HG301", "homes/files.yml:2:7"),
        ("HG306", "stores/vault.yml:1:7"),
        ("HG301", "stores/vault.yml:2:7"),
        ("HG301", "stores/vault.yml:3:11"),
    ]
    assert "ask ops" in caught.value.message
    assert "'hygge-data[vault]'" in caught.value.diagnostics[1].help[0]
    assert caught.value.exit_code == 3
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.diagnostics == caught.value.diagnostics


def test_the_environment_beats_the_env_file_of_the_overlay_and_that_the_plain_one(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(
        {
            "homes/files.yml": "type: testbin\npath: ${HYGGE_T_A}/${HYGGE_T_B}/${HYGGE_T_C}\n",
            "environments/prod.yml": "",
            ".env": "HYGGE_T_A=plain\nHYGGE_T_B=plain\nHYGGE_T_C=plain\n",
            ".env.prod": "HYGGE_T_A=prod\nHYGGE_T_B=prod\n",
        }
    )
    monkeypatch.setenv("HYGGE_T_A", "real")
    (flow,) = Project.load(root, env="prod").resolve(["users"])
    assert flow.home == BinHomeConfig(type="testbin", path="real/prod/plain")
    extra = root / "ci.env"
    extra.write_text("HYGGE_T_B=ci\nHYGGE_T_C=ci\n")
    (flow,) = Project.load(root, env="prod", env_file=extra).resolve(["users"])
    assert flow.home == BinHomeConfig(type="testbin", path="real/ci/ci")


def test_a_value_that_is_only_a_variable_may_become_a_number(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYGGE_T_DEPTH", "7")
    monkeypatch.setenv("HYGGE_T_STRICT", "true")
    root = write(
        {
            "homes/files.yml": "type: testbin\npath: a\ndepth: ${HYGGE_T_DEPTH}\n"
            "strict: ${HYGGE_T_STRICT}\n",
            "flows/users.yml": "retries: ${HYGGE_T_RETRIES:-2}\n",
        }
    )
    (flow,) = Project.load(root).resolve(["users"])
    assert flow.home == BinHomeConfig(type="testbin", path="a", depth=7, strict=True)
    assert flow.entities[0].settings.retries == 2


def test_a_variable_of_the_wrong_kind_is_told_where_it_is_used(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYGGE_T_DEPTH", "deep")
    root = write({"homes/files.yml": "type: testbin\npath: a\ndepth: ${HYGGE_T_DEPTH}\n"})
    with pytest.raises(ProjectError, match=r"^homes/files.yml:3:8: .*whole number"):
        Project.load(root).resolve(["users"])


def test_values_are_never_expanded_again(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYGGE_T_PW", "a${HOME}$b$${c}")
    root = write({"homes/files.yml": "type: testbin\npath: ${HYGGE_T_PW}/$x/$${y}\n"})
    (flow,) = Project.load(root).resolve(["users"])
    assert flow.home == BinHomeConfig(type="testbin", path="a${HOME}$b$${c}/$x/${y}")


def test_a_secret_file_is_inserted_without_its_last_line_break(
    write: Write, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("s$e{c}ret\n")
    root = write({"homes/files.yml": "type: testbin\npath: ${file:secret}\n"})
    (flow,) = Project.load(root).resolve(["users"])
    assert flow.home == BinHomeConfig(type="testbin", path="s$e{c}ret")
    (tmp_path / "secret").unlink()
    with pytest.raises(ProjectError, match="cannot read secret: no such file"):
        Project.load(root).resolve(["users"])


def test_an_overlap_that_only_a_variable_makes_is_refused_before_anything_runs(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write({"stores/lake.yml": "type: testbin\npath: ${HYGGE_T_LAKE}\n"})
    assert check(root).diagnostics == ()
    monkeypatch.setenv("HYGGE_T_LAKE", os.fspath(root / "data/in"))
    with pytest.raises(ProjectError, match="to what it reads: data/in/users"):
        Project.load(root).resolve(["users"])


def test_inline_homes_and_stores_are_taken(write: Write) -> None:
    root = write(
        {"flows/users.yml": "home: {type: testbin, path: x}\nstore:\n  type: testbin\n  path: y\n"}
    )
    (flow,) = Project.load(root).resolve(["users"])
    assert flow.home == BinHomeConfig(type="testbin", path="x")
    assert flow.store == BinStoreConfig(type="testbin", path="y")
    assert flow.home_name == "(testbin)"


def test_outlines_need_no_variable(write: Write) -> None:
    root = write(
        {
            "flows/users.yml": "entity: ${HYGGE_T_NONE}\ntags: daily\nafter: [others]\n"
            "enabled: false\n",
            "flows/others.yml": "entities: ['a*', b]\n",
        }
    )
    flows = Project.load(root).flows
    assert list(flows) == ["others", "users"]
    assert flows["users"].entities == ("${HYGGE_T_NONE}",)
    assert (flows["users"].tags, flows["users"].after) == (("daily",), ("others",))
    assert not flows["users"].enabled
    assert flows["others"].entities == ("a*", "b")
