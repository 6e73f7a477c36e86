"""HG4xx: secrets that others could read."""

from __future__ import annotations

from hygge.codes.code import Code

CODES = (
    Code(
        "HG401",
        "secret in a file",
        "A password or a token is written in a project file, where everyone with access to the "
        "repository can read it, also later in its history. Use a variable instead. If the file "
        "was already committed, change the password too.",
        wrong="# stores/warehouse.yml\npassword: hunter2\n",
        right="# stores/warehouse.yml\npassword: ${WAREHOUSE_PASSWORD}\n",
        is_warning=True,
    ),
    Code(
        "HG402",
        "env file not ignored by git",
        "The env file would be committed with the next `git add .`. Add its name to .gitignore; "
        "commit a .env.example without values to document the variables.",
        is_warning=True,
    ),
    Code(
        "HG403",
        "env file readable by others",
        "The env file contains what looks like a secret, and every user of this machine can read "
        "it. `chmod 600` restricts it to its owner. A file without secrets may be readable.",
        is_warning=True,
    ),
)
