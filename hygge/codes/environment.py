"""HG3xx: variables, env files, environments and drivers."""

from __future__ import annotations

from hygge.codes.code import Code

CODES = (
    Code(
        "HG301",
        "variable not set",
        "The variable is not set in the environment, in .env.<environment> or in .env, or it is "
        "empty and `:?` requires a value. `hygge validate` needs no variables; `hygge validate "
        "--env-check` lists all that are missing.",
        wrong="# stores/lake.yml, and LAKE is not set\npath: ${LAKE}\n",
        right="# stores/lake.yml\npath: ${LAKE:-data/lake}\n",
    ),
    Code(
        "HG302",
        "invalid line in an env file",
        "A line of an env file is `NAME=value`, a comment that begins with `#`, or empty. "
        "A value may be quoted. Variables inside a value are not expanded.",
        wrong="# .env\nPASSWORD: secret\n",
        right="# .env\nPASSWORD=secret\n",
    ),
    Code(
        "HG303",
        "secret file cannot be read",
        "`${file:/path}` inserts the content of a file of at most 1 MB of UTF-8 text. The file "
        "does not exist, cannot be read, is too large or is not UTF-8. A relative path starts at "
        "the project's root.",
    ),
    Code(
        "HG304",
        "environment changes what does not exist",
        "An environment changes homes, stores and flows that exist in the project. It cannot add "
        "new ones.",
        wrong="# environments/prod.yml\nstores: {leak: {path: /srv/lake}}\n",
        right="# environments/prod.yml\nstores: {lake: {path: /srv/lake}}\n",
    ),
    Code(
        "HG305",
        "unknown environment",
        "`--env NAME` reads environments/NAME.yml, and that file does not exist.",
    ),
    Code(
        "HG306",
        "driver not installed",
        "The connector needs a package that is not part of the base installation. `hygge "
        "validate` needs no driver; running a flow does.",
    ),
)
