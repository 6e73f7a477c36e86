"""Writes docs/project.md: keys of a project, exit codes, own tables, rights: `make docs`.

`--check` only says whether the page is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel

from hygge.operations.connector_types import options_of
from hygge.project.models import OverlaySettings, ProjectSettings

PAGE = Path(__file__).resolve().parent / "project.md"
_HEAD = """<!-- Made by `make docs` from the keys themselves; changes here are lost. -->

# A project

A project is the folder that holds `hygge.yml`, which may be empty. Beside it are `homes/`,
`stores/` and `flows/`, one file for each, and where they are needed `environments/` and
`templates/`. `hygge init NAME` makes one with sample data; `hygge init NAME --bare` makes one
without: `hygge.yml` and its companions only, for `hygge new` makes each folder with its first file.

In a repository that exists already, this adds a project and its hooks for pre-commit, and leaves
every file that is there as it is:

    hygge init . --bare --pre-commit --skip

`.hygge/` is hygge's own memory: locks, reports of runs, the journal, quarantined rows and the
schemas for editors. It is not for version control, and it may be removed while nothing runs: what
was moved is known from the stores.
"""
_AFTER = """
## Exit codes

| code | means |
|---|---|
| 0 | everything that was asked for is done |
| 1 | a home, a store or a flow failed; `verify` found a difference, `validate` or `doctor` an error |
| 2 | the command line asks for something that is not there |
| 3 | the project, its variables or the installation are not as they must be |
| 70 | a bug in hygge; the message names a report file |
| 130, 143 | stopped by Ctrl-C (SIGINT) or SIGTERM before everything was published |

One move that failed makes a run end with 1; the other moves are published all the same.

## Tables that hygge keeps in a database

They lie beside the tables of a store, in the same schema. No flow can read or write a table whose
name begins with `_hygge_`.

| table | holds | removed |
|---|---|---|
| `_hygge_commits` | one row for each commit: flow, run, watermark, counts | never: without it hygge does not know what was moved |
| `_hygge_stg_…` | rows that are staged and not published | at the end of the move, or by the next one after a kill |
| `_hygge_undo_…` | rows that the last commits replaced, for `hygge undo` | when `keep_generations` no longer covers the commit |
| `_hygge_pending` | MySQL only: what a replace is about to rename | at the end of the move, or by the next one after a kill |

A store of files keeps the same in `.hygge/` in the store's folder, and the commit in
`_hygge.json` beside the data. A database in a file is staged in a file beside it, named
`.hygge-…`, which goes away with the move.

## Rights that a database user needs

`hygge doctor` connects and says what is missing.

| database | as a home | as a store |
|---|---|---|
| PostgreSQL | `CONNECT` on the database, `USAGE` on the schema, `SELECT` on the tables; `pg_read_all_stats` for `incremental` while others write | beside these `CREATE` on the schema; of tables that hygge did not make, ownership, or `SELECT, INSERT, UPDATE, DELETE` with `replace: keep` |
| MySQL, MariaDB | `SELECT` on the tables; `PROCESS` for `incremental` while others write | `SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX` on the database |
| SQL Server | `CONNECT`, `SELECT` on the tables | beside these `CREATE TABLE` in the database and `ALTER, INSERT, UPDATE, DELETE` on the schema |
| SQLite, DuckDB | the file can be read | the file and its folder can be written |
| ODBC | what its database asks for to select | (no store) |
"""
_TABLES: tuple[tuple[str, str, type[BaseModel]], ...] = (
    (
        "Keys of `hygge.yml`",
        "The keys that `defaults` may have are listed at the end of [flows.md](flows.md).",
        ProjectSettings,
    ),
    (
        "Keys of `environments/NAME.yml`",
        "`hygge --env NAME` lays them over the project's other files. What is named must be there.",
        OverlaySettings,
    ),
)


def page() -> str:
    """Return the text of the page."""
    return "".join([_HEAD, *(_table(*one) for one in _TABLES), _AFTER])


def _table(title: str, about: str, model: type[BaseModel]) -> str:
    rows = [
        f"| `{one.name}` | {_cell(one.type)} | {_default(one.default)} | {_cell(one.description)} |"
        for one in options_of(model)
    ]
    head = [f"\n## {title}\n", *([about, ""] if about else [])]
    return "\n".join([*head, "| key | type | default | |", "|---|---|---|---|", *rows]) + "\n"


def _default(text: str | None) -> str:
    """Return a default value; none for a mapping of settings, whose keys have their own."""
    return f"`{_cell(text)}`" if text and len(text) < 40 else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write the page, or with `--check` say that it is stale."""
    is_stale = not PAGE.is_file() or PAGE.read_text("utf-8") != page()
    if "--check" in sys.argv:
        sys.exit("stale: project.md; make docs" if is_stale else None)
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
