"""Writes docs/project.md: keys of a project, exit codes, own tables, rights: `make docs`.

`--check` only says whether the page is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel

from hygge.operations.connector_types import options_of
from hygge.project.models import OverlaySettings, ProjectSettings
from hygge.settings.notify import NotifySettings

PAGE = Path(__file__).resolve().parent / "project.md"
_HEAD = """<!-- Made by `make docs` from the keys themselves; changes here are lost. -->

# A project

A project is a folder with a `hygge.yml`, which may be empty. The folders `homes/`, `stores/` and
`flows/` contain one file for each home, store and flow. `environments/` and `templates/` are
optional. `hygge init NAME` creates a project with sample data. `hygge init NAME --bare` creates only
`hygge.yml` and its companions (`.env.example`, `.gitignore`, a README); `hygge new` then creates
each folder with its first file.

To add a project and a pre-commit hook to an existing repository, and keep all files that exist:

    hygge init . --bare --pre-commit --skip

`.hygge/` contains what hygge writes for itself: locks, reports of runs, the journal, quarantined rows
and the schemas for editors. Do not commit it. It can be deleted while no run is active: the commits
are in the stores.
"""
_AFTER = """
## Exit codes

| code | meaning |
|---|---|
| 0 | success |
| 1 | a home, a store or a flow failed; `verify` found a difference, `validate` or `doctor` an error |
| 2 | invalid command line, or no project here |
| 3 | invalid project, missing variable or missing driver |
| 70 | a bug in hygge; the message names a report file |
| 130, 143 | stopped by Ctrl-C (SIGINT) or SIGTERM before everything was published |

If one move fails, the run exits with 1; the other moves are still published.

## hygge's own tables in a database

They are in the same schema as the tables of the store. Flows cannot read or write tables whose name
begins with `_hygge_`.

| table | contents | removed |
|---|---|---|
| `_hygge_commits` | one row for each commit: flow, run, watermark, counts | never: without it hygge does not know what was moved |
| `_hygge_stg_…` | staged rows that are not published | at the end of the move, or by the next move after a kill |
| `_hygge_undo_…` | rows that recent commits replaced, for `hygge undo` | when `keep_generations` no longer covers the commit |
| `_hygge_pending` | MySQL only: the tables that a replace is about to rename | at the end of the move, or by the next move after a kill |

A file store has the same in the folder `.hygge/` of the store, and the commit in `_hygge.json` next
to the data. A database in a file is staged in a file next to it, named `.hygge-…`, which is removed
at the end of the move.

## Privileges of the database user

`hygge doctor` connects and reports what is missing.

| database | as a home | as a store |
|---|---|---|
| PostgreSQL | `CONNECT` on the database, `USAGE` on the schema, `SELECT` on the tables; `pg_read_all_stats` for `incremental` with concurrent writers | also `CREATE` on the schema; for tables that hygge did not create, ownership, or `SELECT, INSERT, UPDATE, DELETE` with `replace: keep` |
| MySQL, MariaDB | `SELECT` on the tables; `PROCESS` for `incremental` with concurrent writers | `SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX` on the database |
| SQL Server | `CONNECT`, `SELECT` on the tables | also `CREATE TABLE` in the database and `ALTER, INSERT, UPDATE, DELETE` on the schema |
| SQLite, DuckDB | read permission for the file | write permission for the file and its folder |
| ODBC | whatever its database requires for `SELECT` | (no store) |
"""
_TABLES: tuple[tuple[str, str, type[BaseModel]], ...] = (
    (
        "Keys of `hygge.yml`",
        "The keys of `defaults` are listed at the end of [flows.md](flows.md).",
        ProjectSettings,
    ),
    (
        "Keys of each item of `notify`",
        "[runs.md](runs.md#notifications) has an example of each receiver.",
        NotifySettings,
    ),
    (
        "Keys of `environments/NAME.yml`",
        "`hygge --env NAME` applies them to the other files of the project. What they name must exist.",
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
    return (
        "\n".join([*head, "| option | type | default | meaning |", "|---|---|---|---|", *rows])
        + "\n"
    )


def _default(text: str | None) -> str:
    """Return a default value; none for a mapping of settings, whose keys have their own."""
    return f"`{_cell(text)}`" if text and text != "null" and len(text) < 40 else ""


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
