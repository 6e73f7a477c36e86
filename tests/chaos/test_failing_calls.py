"""Every call to the file system fails once in turn: a clear message, nothing lost, and a way on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.faults import Call, Fault, Faulty, calls_of, faulty, library
from chaos.projects_of_rows import Rows, copy, held, project_of, write_rows

IS_LONG = os.environ.get("HYGGE_CHAOS") == "long"
CODES = (
    *("EIO", "ENOENT", "EEXIST", "ENOTEMPTY", "ENOTSUP", "ENOLCK", "ESTALE", "ENOSPC", "EACCES"),
    *("EROFS", "ENOSYS", "EMFILE"),
)
FIRST: Rows = [(1, "a"), (2, "b")]
SECOND: Rows = [(2, "B"), (3, "c")]
OF_A_RUN = re.compile(r"[0-9a-f]{16}(\.1)?|[0-9a-f]{8}(?=[.-])")
SAYS_WHY = re.compile(r"\[HG\d{3}\]: \S")


@pytest.fixture(scope="module")
def faults() -> Iterator[Faulty]:
    with faulty() as one:
        yield one


def after(mode: str) -> Rows:
    """Return what the store holds once both sets of rows were moved."""
    merged = sorted({**dict(FIRST), **dict(SECOND)}.items())
    return {"replace": SECOND, "append": sorted(FIRST + SECOND), "merge": merged}[mode]


def swept(calls: list[Call], root: Path, number: int) -> list[Call]:
    """Return the calls to fail in one sweep: all of them, or its share of those that differ."""
    if IS_LONG:
        return calls
    kinds: dict[tuple[str, str], Call] = {}
    for call in calls:
        kinds.setdefault((call.name, OF_A_RUN.sub("*", call.path.removeprefix(str(root)))), call)
    return list(kinds.values())[number :: len(CODES)]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(("kind", "mode"), [("parquet", "append"), ("csv", "merge")])
def test_a_call_that_fails_is_reported_in_words_and_loses_nothing(
    tmp_path: Path, faults: Faulty, kind: str, mode: str, code: str
) -> None:
    start = project_of(tmp_path / "start", kind, mode)
    write_rows(start, FIRST)
    assert faults.run(start, "go").returncode == 0
    write_rows(start, SECOND)
    root = copy(start, tmp_path / "round")
    assert faults.run(root, "go").returncode == 0
    for call in swept(calls_of(root), root, CODES.index(code)):
        fault = Fault(call.number, code)
        check_round(faults, copy(start, root), fault, kind, mode)


def check_round(faults: Faulty, root: Path, fault: Fault, kind: str, mode: str) -> None:
    done = faults.run(root, "go", "--progress", "plain", fault=fault)
    printed = done.stdout + done.stderr
    where = f"{fault} ({[call for call in calls_of(root) if call.is_hit]}):\n{printed}"
    assert done.returncode in (0, 1, 2, 3), where
    assert "Traceback" not in printed, where
    assert "internal error" not in printed, where
    if done.returncode:
        assert SAYS_WHY.search(printed), where
    assert held(root, kind) == (FIRST if done.returncode else after(mode)), where
    if done.returncode:
        again = faults.run(root, "go")
        assert again.returncode == 0, f"{where}\nand then:\n{again.stdout}{again.stderr}"
        assert held(root, kind) == after(mode), where


NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--uts"]
NO_LOCKS = Fault(1, "NOTHING", "flock,fcntl", times=0)
MANY: Rows = [(number, "x" * 20) for number in range(20_000)]


def can_unshare() -> bool:
    try:
        return (
            subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode == 0
        )
    except OSError:
        return False


@pytest.mark.parametrize("where", ["one machine", "machines that do not see each other"])
def test_two_runs_at_once_without_working_locks_end_in_words(tmp_path: Path, where: str) -> None:
    preloaded = library()
    if preloaded is None:
        pytest.skip("no C compiler (cc) here, so no lock can be made to fail")
    if where != "one machine" and not can_unshare():
        pytest.skip("this user may not make namespaces (unshare)")
    roots = [project_of(tmp_path / f"{number}", "parquet", "append") for number in range(2)]
    for root in roots:
        write_rows(root, MANY)
        (root / "stores/lake.yml").write_text(f"type: parquet\npath: {tmp_path}/lake\n")
    published = 0
    for _ in range(3):
        ends = run_together(roots, tmp_path, preloaded, isolated=where != "one machine")
        for code, printed in ends:
            assert code in (0, 1), printed
            assert code == 0 or re.search(r"\[HG5(12|14)\]", printed), printed
        won = sum(code == 0 for code, _ in ends)
        assert won >= 1, ends
        published += won
        assert held(tmp_path, "parquet") == sorted(MANY * published)


def run_together(
    roots: list[Path], under: Path, preloaded: Path, *, isolated: bool
) -> list[tuple[int, str]]:
    """Run `hygge go` in all projects at the same time; return exit codes and what was printed."""
    words = [*(NAMESPACE if isolated else []), sys.executable, "-m", "hygge"]
    variables = {**NO_LOCKS.variables(under), "LD_PRELOAD": str(preloaded)}
    started = [
        subprocess.Popen(
            [*words, "go", "--progress", "plain"],
            cwd=root,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for root in roots
    ]
    return [
        (process.returncode, printed)
        for process in started
        for printed in [process.communicate()[0]]
    ]


def test_a_file_system_that_cannot_lock_is_refused_by_name(tmp_path: Path, faults: Faulty) -> None:
    root = project_of(tmp_path / "project", "parquet", "replace")
    write_rows(root, FIRST)
    done = faults.run(root, "go", fault=Fault(1, "ENOLCK", "flock", times=0))
    assert done.returncode == 1
    assert "[HG540]" in done.stderr + done.stdout
    assert f"the file system of {root}/.hygge/locks cannot lock files" in done.stdout
    assert not (root / "lake/rows").exists()
