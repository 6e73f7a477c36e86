"""The rules that keep the parts of the code apart, held by reading its syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "hygge"

LAYERS = {
    0: [
        "codes",
        "errors",
        "model",
        "plurals",
        "private",
        "processes",
        "redact",
        "signals",
        "stop",
        "system",
    ],
    1: [
        "registry",
        "checksums",
        "tallies",
        "verdict",
        "candidates",
        "connector",
        "described",
        "locations",
        "sound",
        "digests",
        "evaluation",
        "expressions",
        "masks",
        "requests",
        "casting",
        "commits",
        "unfit",
        "datatypes",
        "settings",
        "batches",
        "receipts",
        "retry",
        "locks",
        "ordering",
        "watermarks",
        "widening",
        "crash",
        "eventlog",
        "logs",
    ],
    2: ["files", "sql"],
    3: [
        "homes",
        "stores",
        "shape",
        "comparing",
        "contract",
        "guards",
        "held",
        "history",
        "increment",
        "quarantine",
        "sifting",
        "backfill",
        "checks",
        "derived",
        "pinned",
        "promises",
        "reshaping",
    ],
    4: ["catalog", "finding", "journal", "journal_rows", "project", "runs", "sides", "survey"],
    5: ["plan", "preparing", "snapshots", "staging", "flow"],
    6: [
        "engines",
        "coordinator",
        "locking",
        "marking",
        "planning",
        "doctor",
        "recall",
        "failures",
        "renaming",
        "undoing",
        "verifying",
    ],
    7: ["scaffold", "console"],
    8: ["cli", "__main__"],
}
"""An import points to a lower layer, or stays in its own package or layer."""
OUTSIDE = {"testing"}
"""Imports what it needs; nothing in hygge imports it."""

ONLY_IN = {"typer": "cli", "rich": "console", "tenacity": "retry", "jinja2": "scaffold"}
LAZY = {"homes", "stores", "files", "sql", "project"}
"""Packages whose modules `hygge validate` imports: no pyarrow, no driver at module level."""
BANNED_NAMES = {"utils", "util", "helpers", "common", "core", "base", "manager", "misc"}

MODULES = sorted(PACKAGE.rglob("*.py"))
every_module = pytest.mark.parametrize(
    "module", MODULES, ids=[m.relative_to(ROOT).as_posix() for m in MODULES]
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text("utf-8"))


def part_of(dotted: str) -> str:
    """Return `files` for `hygge.files.home`, and `__init__` for `hygge` itself."""
    return [*dotted.split("."), "__init__"][1]


def part_of_file(module: Path) -> str:
    return module.relative_to(PACKAGE).with_suffix("").parts[0]


def layer_of(part: str) -> int:
    return next(layer for layer, parts in LAYERS.items() if part in parts)


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def imports(tree: ast.AST, *, deep: bool = True) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of each import that happens at run time.

    Without `deep`, only those that happen when the module itself is imported.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "imports name the whole way"
            is_package = node.module == "hygge"
            names = [f"hygge.{a.name}" for a in node.names] if is_package else [node.module]
            yield from ((node.lineno, name) for name in names)
        elif not is_type_checking(node) and (deep or not isinstance(node, Function)):
            yield from imports(node, deep=deep)


def test_every_module_has_its_place() -> None:
    parts = {part_of_file(module) for module in MODULES} - {"__init__"} - OUTSIDE
    assert parts <= {part for parts in LAYERS.values() for part in parts}


@every_module
def test_imports_point_down(module: Path) -> None:
    part = part_of_file(module)
    if part in OUTSIDE | {"__init__"}:
        return
    wrong = [
        f"{module.name}:{line} {name}"
        for line, name in imports(tree_of(module))
        if name.startswith("hygge.")
        and part_of(name) not in (part, "__version__")
        and (part_of(name) in OUTSIDE or layer_of(part_of(name)) > layer_of(part))
    ]
    assert wrong == []


def test_no_two_parts_import_each_other() -> None:
    edges = {
        (part_of_file(module), part_of(name))
        for module in MODULES
        for _, name in imports(tree_of(module))
        if name.startswith("hygge.") and part_of_file(module) != part_of(name)
    }
    assert [(one, other) for one, other in edges if (other, one) in edges and one < other] == []


@every_module
def test_only_one_part_knows_a_library(module: Path) -> None:
    part = part_of_file(module)
    wrong = [
        f"{module.name}:{line} {name}"
        for line, name in imports(tree_of(module))
        if ONLY_IN.get(name.partition(".")[0], part) != part and part not in OUTSIDE
    ]
    assert wrong == []


@every_module
def test_what_validate_imports_is_light(module: Path) -> None:
    if part_of_file(module) not in LAZY:
        return
    found = imports(tree_of(module), deep=False)
    assert [f"{module.name}:{line}" for line, name in found if name.startswith("pyarrow")] == []


@every_module
def test_modules_are_named_for_what_they_hold(module: Path) -> None:
    assert not BANNED_NAMES & set(module.relative_to(PACKAGE).with_suffix("").parts)


def connector_files() -> dict[str, set[Path]]:
    """Return the files of each built-in connector type."""
    files: dict[str, set[Path]] = {}
    for kind in ("homes", "stores"):
        for module in (PACKAGE / kind).glob("[!_]*.py"):
            files.setdefault(module.stem, set()).add(module)
    return files


def docstrings(tree: ast.Module) -> set[int]:
    """Return the identities of string nodes that are statements: docs of what stands above."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def libraries(tree: ast.Module) -> set[str]:
    """Return the names that stand for other packages, as in `from pyarrow import csv`."""
    return {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if not (getattr(node, "module", None) or alias.name).startswith("hygge")
    }


def words(module: Path) -> Iterator[tuple[int, str]]:
    """Yield each string that is one word, and each identifier that stands for our own."""
    tree = tree_of(module)
    prose, foreign = docstrings(tree), libraries(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value.strip(".").lower()
        elif isinstance(node, ast.Name) and node.id not in foreign:
            yield node.lineno, node.id.lower()
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg.lower()
        elif isinstance(node, Function | ast.ClassDef):
            yield node.lineno, node.name.lower()
        elif isinstance(node, ast.Import | ast.ImportFrom):
            name = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            own = [name] if name.startswith("hygge.") else []
            yield from ((node.lineno, one.rpartition(".")[2]) for one in own)


@every_module
def test_no_file_but_its_own_names_a_connector(module: Path) -> None:
    if part_of_file(module) in OUTSIDE:
        return
    foreign = {name for name, files in connector_files().items() if module not in files}
    wrong = [f"{module.name}:{line} {word}" for line, word in words(module) if word in foreign]
    assert wrong == []
