"""HG3xx: variables, env files, environments and drivers."""

from __future__ import annotations

from hygge.codes.code import Code

CODES = (
    Code(
        "HG301",
        "variable not set",
        "The variable is neither in the environment nor in .env.<environment> nor in .env, or it "
        "is empty where `:?` asks for a value. `hygge validate` alone never needs variables; "
        "with `--env-check` it lists every one that is missing.",
        wrong="# stores/lake.yml, and LAKE is not set\npath: ${LAKE}\n",
        right="# stores/lake.yml\npath: ${LAKE:-data/lake}\n",
    ),
    Code(
        "HG302",
        "line of an env file",
        "A line of an env file is `NAME=value`, a comment that begins with `#`, or empty. A value "
        "may stand in quotes; nothing in it is expanded.",
        wrong="# .env\nPASSWORD: secret\n",
        right="# .env\nPASSWORD=secret\n",
    ),
    Code(
        "HG303",
        "secret file cannot be read",
        "`${file:/path}` inserts the content of a file of at most 1 MB of UTF-8 text. The file "
        "is not there, cannot be read, or is none. A relative path starts at the project's root.",
    ),
    Code(
        "HG304",
        "overlay of nothing",
        "An environment changes homes, stores and flows that the project has; it adds none.",
        wrong="# environments/prod.yml\nstores: {leak: {path: /srv/lake}}\n",
        right="# environments/prod.yml\nstores: {lake: {path: /srv/lake}}\n",
    ),
    Code(
        "HG305",
        "unknown environment",
        "`--env NAME` takes environments/NAME.yml, and there is none of that name.",
    ),
    Code(
        "HG306",
        "driver not installed",
        "The connector needs a package that a plain installation does not bring. Checking a "
        "project needs no driver; running it does.",
    ),
)
