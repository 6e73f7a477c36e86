from __future__ import annotations

import pytest
from boxes import Write

from hygge.project import Project
from hygge.project.origins import show_flow


def test_secrets_are_masked_and_unset_ones_read_as_written(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(
        {
            "stores/vault.yml": "type: testvault\nhost: ${HYGGE_T_HOST}\npassword: ${HYGGE_T_PW}\n",
            "flows/users.yml": "store: lake\n",
            "flows/more.yml": "store: vault\n",
        }
    )
    monkeypatch.delenv("HYGGE_T_PW", raising=False)
    shown = {one.path: one.value for one in show_flow(Project.load(root), "more")}
    assert (shown["store.password"], shown["store.host"]) == ("${HYGGE_T_PW}", "${HYGGE_T_HOST}")
    assert shown["store.port"] == 1
    monkeypatch.setenv("HYGGE_T_PW", "hunter2")
    shown = {one.path: one.value for one in show_flow(Project.load(root), "more")}
    assert shown["store.password"] == "***"


def test_each_entity_shows_what_it_changes(write: Write) -> None:
    root = write(
        {
            "hygge.yml": "defaults: {retries: 9}\n",
            "flows/users.yml": "mode: append\nentities:\n- a\n- {name: b, into: c, mode: replace}\n"
            "- 'd*'\n",
        }
    )
    lines = show_flow(Project.load(root), "users")
    entities = {one.path: (one.value, one.origin) for one in lines if one.path[:8] == "entities"}
    assert entities == {
        "entities": (None, "flows/users.yml:2"),
        "entities[1].name": ("a", "flows/users.yml:3"),
        "entities[1].into": ("a", "the entity's name"),
        "entities[2].name": ("b", "flows/users.yml:4"),
        "entities[2].into": ("c", "flows/users.yml:4"),
        "entities[2].mode": ("replace", "flows/users.yml:4"),
        "entities[3].name": ("d*", "flows/users.yml:5"),
    }
    settings = {one.path: one.value for one in lines}
    assert (settings["mode"], settings["retries"]) == ("append", 9)


def test_an_inline_home_is_shown_with_its_keys(write: Write) -> None:
    root = write({"flows/users.yml": "home:\n  type: testbin\n  path: x\n", "homes/files.yml": ""})
    (root / "homes/files.yml").unlink()
    shown = {one.path: (one.value, one.origin) for one in show_flow(Project.load(root), "users")}
    assert shown["home.path"] == ("x", "flows/users.yml:3")
    assert shown["home.depth"] == (1, "default")
