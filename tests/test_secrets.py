"""A secret never leaves: whatever field it feeds and whatever command runs, no output holds it."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pytest
import typer.main
from hygge_canary import VaultHomeConfig, VaultStoreConfig
from projects import write_project

from hygge.cli import main
from hygge.connector import HomeConfig, StoreConfig
from hygge.values import redact

COMMAND = cache(typer.main.get_command)
"""Made once: to build the tree of commands takes longer than most of them do."""
CANARY = 'S3cr3t+/=é"'
VARIABLE = "CANARY_TOKEN"
TRACES = (b"S3cr3t", base64.b64encode(CANARY.encode())[:8])

COMMANDS = [
    ["validate"],
    *(["validate", "--format", name] for name in ("concise", "json", "github", "sarif")),
    ["validate", "--env-check"],
    *(["validate", "--env-check", "--format", name] for name in ("json", "github", "sarif")),
    ["list"],
    ["list", "--json"],
    ["show", "users"],
    ["show", "users", "--json"],
    ["types", "vaulthome"],
    ["types", "vaultstore", "--json"],
    ["schema", "-n"],
    ["go", "--dry-run"],
    ["go", "--dry-run", "--progress", "json"],
    ["go", "--log-level", "debug", "--log-format", "json", "--log-file", "all.log"],
    ["-v", "-v", "go", "--progress", "json"],
    ["-v", "-v", "go", "--progress", "plain"],
    ["history"],
    ["history", "--json"],
    ["doctor"],
    ["doctor", "--json"],
    ["discover", "it"],
    ["discover", "it", "--json"],
    ["new", "flow", "other", "--entity", "x", "--into", "y"],
    ["new", "flows", "--from", "it"],
    ["destroy", "flow", "users", "-n"],
]


WITH_MISTAKES = [
    ["validate"],
    *(["validate", "--format", name] for name in ("json", "github", "sarif")),
    ["list"],
    ["go", "--progress", "plain"],
    ["new", "flow", "other", "--entity", "x", "--into", "y"],
]
WITH_VARIABLES = [
    ["validate", "--env-check"],
    ["validate", "--env-check", "--format", "json"],
    ["list", "--json"],
    ["show", "users"],
    ["show", "users", "--json"],
    ["go", "--log-level", "debug", "--log-file", "all.log"],
    ["history", "--json"],
]


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin as a new process does: with nothing learnt."""
    known = set(redact._known)
    redact.forget()
    yield
    redact.forget()
    redact._known.update(known)


class Runner:
    """Runs commands in a project and keeps all that they print."""

    def __init__(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self.root = root
        self.monkeypatch = monkeypatch
        self.capfd = capfd

    def run(self, *words: str) -> tuple[int, str]:
        redact.forget()
        self.monkeypatch.setattr(sys, "argv", ["hygge", "-C", str(self.root), *words])
        code = main.run()
        printed = self.capfd.readouterr()
        return code, printed.out + printed.err

    def assert_nothing_leaks(self, commands: list[list[str]]) -> None:
        for words in commands:
            _, printed = self.run(*words)
            assert not leaks(printed.encode()), (words, printed)
        for path in self.kept():
            assert not leaks(path.read_bytes()), path

    def kept(self) -> list[Path]:
        """Return what hygge wrote: reports, journal, logs and crash reports."""
        files = [path for path in (self.root / ".hygge").rglob("*") if path.is_file()]
        return [*files, *self.root.glob("*.log")]


def leaks(data: bytes) -> bool:
    return any(trace in data for trace in TRACES)


@pytest.fixture
def runner(
    forgotten: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Runner:
    root = tmp_path / "project"
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(typer.main, "get_command", COMMAND)
    monkeypatch.setenv(VARIABLE, CANARY)
    return Runner(root, monkeypatch, capfd)


def project(root: Path, kind: str, settings: object) -> None:
    """Write a project whose home or store says `settings`."""
    home = settings if kind == "home" else {"type": "csv", "path": "data"}
    store = settings if kind == "store" else {"type": "parquet", "path": "lake"}
    files = {
        "homes/it.yml": json.dumps(home, ensure_ascii=False, indent=1),
        "stores/lake.yml": json.dumps(store, ensure_ascii=False, indent=1),
        "flows/users.yml": "home: it\nstore: lake\nretries: 0\n",
        "data/users.csv": "id\n1\n",
    }
    write_project(root, files)


BUILT_IN = [
    (kind, name)
    for kind, registry in (("home", HomeConfig.registry), ("store", StoreConfig.registry))
    for name in sorted(registry.built_in())
]
TYPES = [*BUILT_IN, ("home", "vaulthome"), ("store", "vaultstore")]


def fields(kind: str, name: str) -> list[str]:
    registry = HomeConfig.registry if kind == "home" else StoreConfig.registry
    return [key for key in registry.find(name).model_fields if key != "type"]


EVERY_FIELD = [(kind, name, key) for kind, name in TYPES for key in fields(kind, name)]


@pytest.mark.parametrize(("kind", "name", "key"), EVERY_FIELD)
def test_a_variable_with_a_telling_name_is_never_shown(
    runner: Runner, kind: str, name: str, key: str
) -> None:
    known = {"path": "data", "connect_timeout": "1s"}
    base = {option: value for option, value in known.items() if option in fields(kind, name)}
    project(runner.root, kind, {"type": name, **base, key: f"${{{VARIABLE}}}"})
    runner.assert_nothing_leaks(WITH_VARIABLES)


URLS = [
    "{scheme}://{secret}@127.0.0.1:1/{name}",
    "{scheme}://{secret}:pw@127.0.0.1:1/{name}",
    "{scheme}://me:{secret}@127.0.0.1:1/{name}",
    "{scheme}://me@{secret}:1/{name}",
    "{scheme}://me@127.0.0.1:1/{secret}",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_secret_in_any_part_of_a_url_is_never_shown(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, scheme: str, url: str
) -> None:
    monkeypatch.setenv(VARIABLE, quote(CANARY, safe=""))
    settings = {
        "type": "postgres" if scheme == "postgresql" else "mysql",
        "url": url.format(scheme=scheme, secret=f"${{{VARIABLE}}}", name="books"),
    }
    project(runner.root, "home", settings)
    (runner.root / "flows/users.yml").write_text("home: it\nstore: lake\nretries: 0\n")
    runner.assert_nothing_leaks([*WITH_VARIABLES, ["doctor"], ["discover", "it"], ["plan"]])


def test_a_number_that_is_a_secret_is_never_shown(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "17")
    home = {"type": "vaulthome", "port": f"${{{VARIABLE}}}", "host": "h${" + VARIABLE + "}"}
    project(runner.root, "home", home)
    flow = "home: it\nstore: lake\nretries: ${CANARY_TOKEN}\nwhere: id > ${CANARY_TOKEN}\n"
    (runner.root / "flows/users.yml").write_text(flow)
    for words in (["show", "users"], ["show", "users", "--json"]):
        code, printed = runner.run(*words)
        assert code == 0
        assert "17" not in printed
    shown = {one["key"]: one["value"] for one in json.loads(printed)["settings"]}
    masked = [shown[key] for key in ("home.port", "home.host", "retries", "where")]
    assert masked == ["***"] * 4


def test_the_password_of_a_whole_url_is_learnt_in_the_form_that_drivers_print(
    forgotten: None,
) -> None:
    redact.learn("postgresql://me:S3cr3t%2Fw@host/x")
    assert redact.redact("no such role 'S3cr3t/w'") == "no such role '***'"
    redact.learn("Driver=x;Server=y;PWD={hunter22}")
    assert redact.mask("refused hunter22") == "refused ***"


SECRETS = {
    "pin": CANARY,
    "maybe": CANARY,
    "login": {"password": CANARY},
    "keys": {"main": CANARY, "spare": CANARY},
    "chain": ["abcd", CANARY],
}
WRONG: list[tuple[str, object]] = [
    ("pim", CANARY),
    ("passwrod", CANARY),
    ("pin", [CANARY]),
    ("pin", {"a": CANARY}),
    ("maybe", [CANARY]),
    ("login", {"pasword": CANARY}),
    ("login", {"password": [CANARY]}),
    ("keys", CANARY),
    ("keys", {"main": [CANARY]}),
    ("chain", CANARY),
    ("chain", [[CANARY]]),
    ("port", f"https://me:{CANARY[:7]}@host/x"),
]


@pytest.mark.parametrize("kind", ["home", "store"])
def test_a_secret_written_into_a_file_is_never_shown(runner: Runner, kind: str) -> None:
    project(runner.root, kind, {"type": f"vault{kind}", **SECRETS})
    runner.assert_nothing_leaks(COMMANDS)


@pytest.mark.parametrize(("key", "value"), WRONG)
@pytest.mark.parametrize("kind", ["home", "store"])
def test_a_secret_in_the_wrong_place_is_never_shown(
    runner: Runner, kind: str, key: str, value: object
) -> None:
    project(runner.root, kind, {"type": f"vault{kind}", key: value})
    runner.assert_nothing_leaks(WITH_MISTAKES)


@pytest.mark.parametrize("variable", ["PLAIN_NAME", "FROM_FILE", "DOTENV"])
def test_a_variable_that_feeds_a_secret_is_never_shown(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    text = json.dumps(SECRETS, ensure_ascii=False)
    written = "${file:pin.txt}" if variable == "FROM_FILE" else f"${{{variable}}}"
    text = text.replace(json.dumps(CANARY, ensure_ascii=False), json.dumps(written))
    project(runner.root, "home", {"type": "vaulthome", **json.loads(text)})
    (runner.root / "pin.txt").write_text(f"{CANARY}\n")
    (runner.root / ".env").write_text(f"DOTENV='{CANARY}'\n")
    monkeypatch.setenv("PLAIN_NAME", CANARY)
    runner.assert_nothing_leaks(COMMANDS)


def test_an_inline_home_hides_its_secrets_too(runner: Runner) -> None:
    project(runner.root, "home", {"type": "csv", "path": "data"})
    inline = {"home": {"type": "vaulthome", "pin": CANARY, "port": "x"}, "store": "lake"}
    (runner.root / "flows" / "users.yml").write_text(json.dumps(inline, ensure_ascii=False))
    runner.assert_nothing_leaks(COMMANDS)


@pytest.mark.parametrize("kind", ["home", "store"])
def test_an_environment_hides_its_secrets_too(runner: Runner, kind: str) -> None:
    project(runner.root, kind, {"type": f"vault{kind}"})
    name = "it" if kind == "home" else "lake"
    overlay = {f"{kind}s": {name: {"pin": CANARY, "login": {"password": CANARY}, "pim": CANARY}}}
    (runner.root / "environments").mkdir()
    (runner.root / "environments" / "prod.yml").write_text(
        json.dumps(overlay, ensure_ascii=False, indent=1)
    )
    runner.assert_nothing_leaks([["--env", "prod", *words] for words in COMMANDS])


@pytest.mark.parametrize("kind", ["home", "store"])
def test_a_crash_report_holds_no_secret(runner: Runner, kind: str) -> None:
    project(runner.root, kind, {"type": f"vault{kind}", "host": "bug", "pin": CANARY})
    code, printed = runner.run("go")
    assert code == 70
    assert not leaks(printed.encode())
    assert any(path.name.startswith("crash-") for path in runner.kept())
    runner.assert_nothing_leaks([["history"], ["history", "--json"]])


@pytest.mark.parametrize(
    "text",
    [
        f"type: vaulthome\npassword:{CANARY}\n",
        f"type: vaulthome\npassword: '{CANARY}\n",
        f"type: vaulthome\npassword:\n  {CANARY}: [\n",
        f"type: vaulthome\npassword: |\n\t{CANARY}\n",
        f"type: vaulthome\npassword: >-\n  {CANARY}\n port: 5\n",
        f"type: vaulthome\npassword: !!str {CANARY}\n",
        f"type: vaulthome\npassword: *{CANARY}\n",
        f"type: vaulthome\nlogin:\n  password: {CANARY}\n  user: [\n",
        f"type: vaulthome\npin: {CANARY}\npin: {CANARY}\n",
        f"- type: vaulthome\n- pin: {CANARY}\n",
    ],
)
def test_a_file_that_is_no_yaml_keeps_its_secrets(runner: Runner, text: str) -> None:
    project(runner.root, "home", {"type": "csv", "path": "data"})
    (runner.root / "homes" / "it.yml").write_text(text)
    runner.assert_nothing_leaks(WITH_MISTAKES)


@pytest.mark.parametrize("file", ["flows/users.yml", "homes/it.yml", "hygge.yml"])
@pytest.mark.parametrize(
    "text",
    [
        "password:{}",
        "password:{}: x",
        "password: >\n a\n{}",
        "private_key: -----BEGIN\n{}\n-----END",
        "password:\n- {}\n x: y",
        "password: [*{}]",
        "password: a${{{}!}}b",
        "password: ${{A-{}}}",
        "password: ${{A?{}}}",
        "url:db://me:{}@host/x",
        "db://me:{}@host/x",
        "db://me:{}@host/x: y",
        "type: db://me:{}@host/x",
        "home: db://me:{}@host/x",
        "home: {{type: 'db://me:{}@host/x'}}",
        "after: ['db://me:{}@host/x']",
        "mode: db://me:{}@host/x",
    ],
)
def test_a_mistake_is_told_without_the_secret_in_it(runner: Runner, text: str, file: str) -> None:
    project(runner.root, "home", {"type": "csv", "path": "data"})
    (runner.root / file).write_text(text.format("S3cr3t") + "\n")
    runner.assert_nothing_leaks(WITH_MISTAKES)


@pytest.mark.parametrize("kind", ["home", "store"])
def test_new_writes_no_secret_into_a_file(runner: Runner, kind: str) -> None:
    project(runner.root, "home", {"type": "csv", "path": "data"})
    words = ["new", kind, "vault", "--type", f"vault{kind}"]
    code, printed = runner.run(*words, f"pin={CANARY}")
    assert code == 2
    assert "write  ${VAULT_PIN}  instead" in printed
    assert not (runner.root / f"{kind}s" / "vault.yml").exists()
    runner.assert_nothing_leaks([
        [*words, f"pin={CANARY}"],
        [*words, "login={password: " + CANARY + "}"],
        [*words, f"maybe=[{CANARY}]"],
    ])  # fmt: skip
    code, printed = runner.run(*words, "pin=${VAULT_PIN}")
    assert code == 0, printed
    assert "VAULT_PIN=\n" in (runner.root / ".env.example").read_text()


def test_the_types_under_test_are_those_of_the_plugin() -> None:
    assert HomeConfig.registry.find("vaulthome") is VaultHomeConfig
    assert StoreConfig.registry.find("vaultstore") is VaultStoreConfig
