"""The rules that keep the rooms of the code apart, held by reading its syntax trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "hygge"

LAYERS = (
    {"codes", "errors"},
    {"registry", "values"},
    {"runtime", "types"},
    {"connector", "settings"},
    {"connectors.files", "connectors.sql", "journal", "transform"},
    {"connectors.spool"},
    {"connectors.messages"},
    {"connectors", "incremental"},
    {"engine", "files", "project"},
    {"operations"},
    {"console", "scaffold"},
    {"dashboard"},
    {"cli"},
    {"__main__"},
)
"""The rooms from the ground up: an import points to a lower layer, or stays in its own room."""
SHARED = {"files", "messages", "spool", "sql"}
"""Folders of `connectors` that hold what several of them share."""
MODULES_AT_THE_TOP = {"__init__", "__main__", "connector", "errors", "files", "registry"}
OUTSIDE = {"testing"}
"""Imports what it needs; nothing in hygge imports it."""

ONLY_IN = {
    "typer": {"cli"},
    "rich": {"console"},
    "tenacity": {"engine"},
    "jinja2": {"scaffold", "dashboard"},
}
BANNED_NAMES = {"utils", "util", "helpers", "common", "core", "base", "manager", "misc"}

MODULES = sorted(PACKAGE.rglob("*.py"))
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text("utf-8"))


def dotted_name(module: Path) -> str:
    """Return `hygge.values.model` for its file, and `hygge.values` for that of the package."""
    parts = module.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts if parts[-1] != "__init__" else parts[:-1])


NAMES = frozenset(map(dotted_name, MODULES))


def room_of(dotted: str) -> str:
    """Return `values` for `hygge.values.model`, `connectors.files` for what is in that folder."""
    parts = [*dotted.split("."), "__init__"][1:]
    is_shared = parts[0] == "connectors" and parts[1] in SHARED
    return ".".join(parts[:2]) if is_shared else parts[0]


def layer_of(room: str) -> int:
    return next(number for number, rooms in enumerate(LAYERS) if room in rooms)


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


@cache
def imports(module: Path, *, deep: bool = True) -> list[tuple[int, str]]:
    """Return line and dotted name of each import that happens at run time.

    Without `deep`, only those that happen when the module itself is imported.
    """
    return list(imports_below(tree_of(module), deep=deep))


def imports_below(tree: ast.AST, *, deep: bool) -> Iterator[tuple[int, str]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.expr):
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "imports name the whole way"
            yield from ((node.lineno, name) for name in imported(node))
        elif not is_type_checking(node) and (deep or not isinstance(node, Function)):
            yield from imports_below(node, deep=deep)


def imported(node: ast.ImportFrom) -> Iterator[str]:
    """Yield the modules that an import names; `from hygge.x import y` may name `hygge.x.y`."""
    for alias in node.names:
        name = f"{node.module}.{alias.name}"
        yield name if name in NAMES else str(node.module)


def test_every_module_has_its_room() -> None:
    rooms = {room_of(dotted_name(module)) for module in MODULES} - {"__init__"} - OUTSIDE
    assert rooms <= {room for rooms in LAYERS for room in rooms}


def test_no_module_lies_flat_at_the_top() -> None:
    assert {module.stem for module in PACKAGE.glob("*.py")} == MODULES_AT_THE_TOP


def shown(module: Path) -> str:
    return module.relative_to(ROOT).as_posix()


def test_imports_point_down() -> None:
    wrong = [
        f"{shown(module)}:{line} {name}"
        for module in MODULES
        for room in [room_of(dotted_name(module))]
        if room not in OUTSIDE | {"__init__"}
        for line, name in imports(module)
        if name.startswith("hygge.")
        and room_of(name) not in (room, "__version__")
        and (room_of(name) in OUTSIDE or layer_of(room_of(name)) >= layer_of(room))
    ]
    assert wrong == []


def package_of(dotted: str) -> str:
    """Return the innermost package that a module lies in; a package lies in itself."""
    is_package = (ROOT / dotted.replace(".", "/")).is_dir()
    return dotted if is_package else dotted.rpartition(".")[0]


def test_no_two_packages_import_each_other() -> None:
    edges = {
        (package_of(dotted_name(module)), package_of(name))
        for module in MODULES
        for _, name in imports(module)
        if name.startswith("hygge.")
    }
    edges = {(one, other) for one, other in edges if "hygge" not in (one, other)}
    assert [(a, b) for a, b in sorted(edges) if (b, a) in edges and a < b] == []


def test_only_one_room_knows_a_library() -> None:
    wrong = [
        f"{shown(module)}:{line} {name}"
        for module in MODULES
        for room in [room_of(dotted_name(module))]
        for line, name in imports(module)
        if room not in ONLY_IN.get(name.partition(".")[0], {room}) | OUTSIDE
    ]
    assert wrong == []


def is_imported_by_validate(module: Path) -> bool:
    parts = module.relative_to(PACKAGE).parts
    return parts[0] in ("project", "settings", "values") or parts[-1] == "config.py"


def test_what_validate_imports_is_light() -> None:
    light = [module for module in MODULES if is_imported_by_validate(module)]
    assert len(light) > 50
    wrong = [
        f"{shown(module)}:{line}"
        for module in light
        for line, name in imports(module, deep=False)
        if name.startswith("pyarrow")
    ]
    assert wrong == []


def test_modules_are_named_for_what_they_hold() -> None:
    names = {module: set(module.relative_to(PACKAGE).with_suffix("").parts) for module in MODULES}
    assert [shown(module) for module, parts in names.items() if parts & BANNED_NAMES] == []


def connector_folders() -> dict[str, Path]:
    """Return the folder of each built-in connector type."""
    folders = (path for path in (PACKAGE / "connectors").iterdir() if path.is_dir())
    return {path.name: path for path in folders if path.name not in SHARED | {"__pycache__"}}


def docstrings(nodes: list[ast.AST]) -> set[int]:
    """Return the identities of string nodes that are statements: docs of what stands above."""
    return {
        id(node.value)
        for node in nodes
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def libraries(nodes: list[ast.AST]) -> set[str]:
    """Return the names that stand for other packages, as in `from pyarrow import csv`."""
    return {
        (alias.asname or alias.name).partition(".")[0]
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if not (getattr(node, "module", None) or alias.name).startswith("hygge")
    }


ORDINARY = {"rest"}
"""Names of connectors that are also ordinary names of variables."""


def words(module: Path) -> Iterator[tuple[int, str]]:
    """Yield each string that is one word, and each identifier that stands for our own."""
    nodes = list(ast.walk(tree_of(module)))
    prose, foreign = docstrings(nodes), libraries(nodes)
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value.strip(".").lower()
        elif isinstance(node, ast.Name) and node.id not in foreign | ORDINARY:
            yield node.lineno, node.id.lower()
        elif isinstance(node, ast.arg) and node.arg not in ORDINARY:
            yield node.lineno, node.arg.lower()
        elif isinstance(node, Function | ast.ClassDef):
            yield node.lineno, node.name.lower()
        elif isinstance(node, ast.Import | ast.ImportFrom):
            name = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            own = name.split(".") if name.startswith("hygge.") else []
            yield from ((node.lineno, word) for word in own)


def test_no_file_outside_its_folder_names_a_connector() -> None:
    folders = connector_folders()
    as_a_word = re.compile(rf"\b({'|'.join(folders)})\b", re.IGNORECASE)
    wrong = [
        f"{shown(module)}:{line} {word}"
        for module in MODULES
        if room_of(dotted_name(module)) not in OUTSIDE and as_a_word.search(module.read_text())
        for line, word in words(module)
        if word in folders and folders[word] not in module.parents
    ]
    assert wrong == []


def test_only_the_local_room_knows_the_paths_of_a_disk() -> None:
    files = PACKAGE / "connectors" / "files"
    stores = PACKAGE.glob("connectors/*/store.py")
    rooms = {files} | {path.parent for path in stores if "FileFormat" in path.read_text("utf-8")}
    disk = ("pathlib", "shutil", "hygge.connectors.files.local")
    of_users = files / "objects" / "credentials.py"  # reads ~/.aws, never data
    wrong = [
        f"{shown(module)}:{line} {name}"
        for module in MODULES
        if rooms & set(module.parents)
        and files / "local" not in module.parents
        and module != of_users
        for line, name in imports(module)
        if name.startswith(disk)
    ]
    assert wrong == []


def rooms_on_the_page() -> set[str]:
    """Return the folders and modules that docs/architecture.md lists below `hygge/`."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    tree = page.partition("\nhygge/\n")[2].partition("```")[0]
    above: list[tuple[int, str]] = []
    found: set[str] = set()
    for line in tree.splitlines():
        indent = len(line) - len(line.lstrip())
        names = [
            word
            for word in line.split("  ")[indent // 2].split()
            if word[-1] == "/" or word.endswith(".py")
        ]
        above = [(depth, name) for depth, name in above if depth < indent]
        place = "".join(name for _, name in above)
        found |= {f"{place}{name}" for name in names}
        above.append((indent, names[0]))
    return found


def test_the_page_of_the_architecture_lists_the_rooms_that_there_are() -> None:
    folders = {f"{path.parent.relative_to(PACKAGE)}/" for path in PACKAGE.rglob("*.py")} - {"./"}
    modules = {f"{name}.py" for name in MODULES_AT_THE_TOP - {"__init__", "__main__"}}
    assert rooms_on_the_page() == folders | modules
