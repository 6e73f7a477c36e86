"""HG4xx: secrets that others could read."""

from __future__ import annotations

from hygge.codes.code import Code

CODES = (
    Code(
        "HG401",
        "secret in a file",
        "A password or a token is written into a project file, where everyone who sees the "
        "repository sees it, now and in its history. Put it into a variable, and change it "
        "where it was already committed.",
        wrong="# stores/warehouse.yml\npassword: hunter2\n",
        right="# stores/warehouse.yml\npassword: ${WAREHOUSE_PASSWORD}\n",
        is_warning=True,
    ),
    Code(
        "HG402",
        "env file not ignored by git",
        "The env file would be committed with the next `git add .`. Add its name to .gitignore; "
        "a .env.example without values is the way to tell others which variables there are.",
        is_warning=True,
    ),
    Code(
        "HG403",
        "env file readable by others",
        "The env file holds what looks like a secret, and every user of this machine can read "
        "it. `chmod 600` keeps it to its owner. A file without secrets may be readable.",
        is_warning=True,
    ),
)
