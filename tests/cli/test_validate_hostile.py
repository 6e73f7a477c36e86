"""Files that were made to harm, all in one project: one mistake each, in little time and memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import write_project

SOUND = {
    "homes/files.yml": "type: parquet\npath: data/in\n",
    "stores/lake.yml": "type: parquet\npath: data/lake\n",
    "flows/users.yml": "home: files\nstore: lake\n",
}


Done = subprocess.CompletedProcess[str]


def bomb(first: str, item: str) -> str:
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{n}: &a{n} {item.format(','.join([f'*a{n - 1}'] * 9))}" for n in range(1, 20)]
    return "\n".join(lines)


HOSTILE: dict[str, tuple[str | bytes, str]] = {
    "aliases": (bomb("[x,x,x,x,x,x,x,x,x]", "[{}]"), "HG006"),
    "merges": (bomb("{k: v}", "{{<<: [{}]}}"), "HG006"),
    "itself": ("tags: &a [*a]\n", "HG009"),
    "scalar": ("entity: " + "x" * 10_000_000, "HG006"),
    "brackets": ("tags: " + "[" * 400_000, "HG006"),
    "braces": ("columns: " + "{a: " * 200_000, "HG006"),
    "dashes": ("- " * 400_000, "HG006"),
    "items": ("tags: [" + "1," * 400_000 + "]", "HG006"),
    "python": ("entity: !!python/object/apply:os.system ['touch pwned']\n", "HG007"),
    "tag": ("entity: !<tag:yaml.org,2002:binary> aGk=\n", "HG007"),
    "tab": ("columns:\n\tid: {type: int64}\n", "HG004"),
    "documents": ("home: files\n---\nhome: files\n", "HG008"),
    "utf_16": ("home: files\n".encode("utf-16"), "HG003"),
    "utf_16_without_mark": ("home: files\n".encode("utf-16-le"), "HG003"),
    "utf_32": ("home: files\n".encode("utf-32"), "HG003"),
    "zero": (b"home: files\nentity: a\0b\n", "HG003"),
    "noise": (bytes(range(256)) * 100, "HG003"),
    "control": ("home: files\nentity: \x1b]0;owned\x07\n", "HG003"),
    "variables": ("home: files\ntags: '" + "${A}" * 200_000 + "'\n", "HG006"),
    "dollars": ("home: files\ntags: '" + "$${" * 200_000 + "'\n", "HG006"),
    "word": ("home: " + "x" * 900_000 + "\n", "HG202"),
    "digits": ("home: files\nretries: " + "9" * 900_000 + "\n", "HG106"),
    "waiting": ("home: files\nafter: [" + "nobody," * 9_000 + "]\n", "HG205"),
}
ODD = {"folder": "HG002", "link": "HG002", "circle": "HG002", "pipe": "HG002", "device": "HG002"}
CHECK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9, 2 * 10**9))
sys.argv = ["hygge", "validate", "--format", "json"]
from hygge.cli.edge import run
run()
# Not getrusage, which counts what this process was before it became Python, too.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(peak.split()[1], file=sys.stderr)
"""


def make_odd_files(folder: Path) -> None:
    (folder / "folder.yml").mkdir()
    (folder / "link.yml").symlink_to("nowhere.yml")
    (folder / "circle.yml").symlink_to("circle.yml")
    (folder / "device.yml").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.yml")
    with (folder / "sparse.yml").open("wb") as file:
        file.truncate(50 * 10**9)


def test_every_hostile_file_is_one_mistake_in_little_memory(tmp_path: Path) -> None:
    root = write_project(tmp_path, SOUND)
    for name, (content, _) in HOSTILE.items():
        data = content.encode() if isinstance(content, str) else content
        (root / f"flows/{name}.yml").write_bytes(data)
    make_odd_files(root / "flows")
    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    peak = int(done.stderr)
    assert peak < 200_000
    told: dict[str, set[str]] = {}
    for one in json.loads(done.stdout)["diagnostics"]:
        told.setdefault(Path(one["file"]).stem, set()).add(one["code"])
        assert len(one["message"]) < 2100
    wanted = {name: {code} for name, (_, code) in HOSTILE.items()}
    wanted |= {name: {code} for name, code in ODD.items()} | {"sparse": {"HG006"}}
    assert told == wanted
    assert not (root / "pwned").exists()


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    root = write_project(tmp_path, SOUND)
    (root / "flows/users.yml").write_bytes(b"\xef\xbb\xbfhome: files\nstore: lake\n")
    assert validate(root).returncode == 0


def test_a_root_file_that_is_none_is_told(tmp_path: Path) -> None:
    root = write_project(tmp_path, SOUND)
    (root / "hygge.yml").unlink()
    (root / "hygge.yml").symlink_to("nowhere")
    done = validate(root)
    assert done.returncode == 1
    assert "hygge.yml:1:1: error[HG002]: cannot read hygge.yml: it is a link to nowhere" in (
        done.stdout
    )
    (root / "hygge.yml").unlink()
    (root / "hygge.yml").mkdir()
    assert "hygge.yml: it is a directory" in validate(root).stdout


@pytest.mark.parametrize("path", ['"a\\0b"', "~nobody_has_this_name/x"])
def test_a_path_that_leads_nowhere_is_told(tmp_path: Path, path: str) -> None:
    root = write_project(tmp_path, {**SOUND, "homes/files.yml": f"type: parquet\npath: {path}\n"})
    done = validate(root)
    assert done.returncode == 1
    assert "homes/files.yml:2:7: error[HG106]: home files leads nowhere: " in done.stdout


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user of this machine may look into."""
    folder = Path(tempfile.mkdtemp(prefix="hygge-public-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def validate(root: Path, code: str = "from hygge.__main__ import main; main()") -> Done:
    return subprocess.run(
        [sys.executable, "-B", "-c", f"import sys; sys.argv = ['hygge', 'validate']; {code}"],
        cwd=root,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


AS_NOBODY = """
import os
from hygge.cli.edge import run
run()
if os.geteuid() == 0:
    os.seteuid(65534)
print("as nobody:")
sys.exit(run())
"""


def test_what_may_not_be_read_is_told(public: Path) -> None:
    root = write_project(public, SOUND)
    extra = {"flows/closed.yml": "home: files\n", "flows/deep/shut.yml": "home: files\n"}
    write_project(public, {**extra, ".env": "A=1\n", ".gitignore": ".env\n"})
    (root / ".git").mkdir()
    for name in ("flows/closed.yml", "flows/deep", ".env", ".gitignore"):
        (root / name).chmod(0)
    done = validate(root, AS_NOBODY)
    assert done.stderr == ""
    assert done.returncode == 1
    told = done.stdout.partition("as nobody:")[2]
    for name in ("flows/closed.yml", "flows/deep", ".env"):
        assert f"{name}:1:1: error[HG002]: cannot read {name}: permission denied" in told
    root.chmod(0o711)
    closed = validate(root, AS_NOBODY)
    assert closed.returncode == 1
    told = closed.stdout.partition("as nobody:")[2]
    assert ".:1:1: error[HG002]: cannot read .: permission denied" in told
