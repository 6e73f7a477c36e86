"""HG2xx: relations between the files of a project."""

from __future__ import annotations

from hygge.codes.code import Code

CODES = (
    Code(
        "HG200",
        "project cannot run",
        "The project has more than one error. Each is reported with its own code; `hygge "
        "validate` lists them all.",
    ),
    Code(
        "HG201",
        "no project here",
        "Neither this directory nor a parent directory contains a hygge.yml, which marks a "
        "project's root. `hygge init NAME` creates a project; `hygge validate --discover` finds "
        "projects in subdirectories.",
    ),
    Code(
        "HG202",
        "unknown home",
        "A flow refers to a home that has no file in homes/. The name of a home is its file name "
        "without the extension.",
        wrong="# flows/users.yml\nhome: smaple_files\n",
        right="# flows/users.yml\nhome: sample_files\n",
    ),
    Code(
        "HG203",
        "unknown store",
        "A flow refers to a store that has no file in stores/. The name of a store is its file "
        "name without the extension.",
        wrong="# flows/users.yml\nstore: leak\n",
        right="# flows/users.yml\nstore: lake\n",
    ),
    Code(
        "HG204",
        "home or store missing",
        "A flow may omit `home:` (or `store:`) only if the project has exactly one.",
        wrong="# flows/users.yml, in a project with two stores\nentity: users\n",
        right="# flows/users.yml\nentity: users\nstore: lake\n",
    ),
    Code(
        "HG205",
        "unknown flow in after",
        "`after:` refers to a flow that has no file in flows/.",
        wrong="# flows/orders.yml\nafter: [usres]\n",
        right="# flows/orders.yml\nafter: [users]\n",
    ),
    Code(
        "HG206",
        "dependency cycle",
        "The flows depend on each other through `after:`, so none of them could start. Remove one "
        "`after:` from the cycle.",
        wrong="# flows/orders.yml\nafter: [users]\n# flows/users.yml\nafter: [orders]\n",
        right="# flows/orders.yml\nafter: [users]\n# flows/users.yml\nafter: []\n",
    ),
    Code(
        "HG207",
        "duplicate name",
        "The name of a home, store, flow or environment is its file name without folder and "
        "extension. Two files have the same name: `lake.yml` and `lake.yaml`, or files in two "
        "folders of flows/. Rename one of them.",
    ),
    Code(
        "HG208",
        "invalid name",
        "A name consists of lower-case letters, digits and `_`, begins with a letter and has at "
        "most 63 characters. Words with another meaning in YAML (no, on, null) and device names "
        "of Windows (con, aux) are not allowed.",
    ),
    Code(
        "HG209",
        "mode not supported by the store",
        "A store may not support every mode; `hygge types` shows which it supports. The mode can "
        "be set by the entity, the flow, an environment or `defaults` in hygge.yml.",
        wrong="# flows/users.yml, whose store supports replace and append\nmode: merge\n",
        right="# flows/users.yml\nmode: replace\n",
    ),
    Code(
        "HG210",
        "merge without a key",
        "A merge replaces rows that have the same key, so it needs `primary_key:`.",
        wrong="# flows/users.yml\nmode: merge\n",
        right="# flows/users.yml\nmode: merge\nprimary_key: [id]\n",
    ),
    Code(
        "HG211",
        "two flows write to the same table",
        "Two flows, or two entities of one flow, write to the same place in the store, so each "
        "run would overwrite the other's rows. Names that differ only in case count as the same, "
        "because many file systems do not distinguish them. Give one of them another name with "
        "`into:`.",
        wrong="# flows/people.yml, beside flows/users.yml\nentity: staff\ninto: users\n",
        right="# flows/people.yml\nentity: staff\ninto: staff\n",
    ),
    Code(
        "HG212",
        "home and store overlap",
        "The flow would read what it writes. Use another path for the store.",
        wrong="# homes/files.yml\npath: data\n# stores/lake.yml\npath: data\n",
        right="# homes/files.yml\npath: data/in\n# stores/lake.yml\npath: data/lake\n",
    ),
    Code(
        "HG213",
        "not used",
        "No flow refers to this home or store in any environment. If it is no longer needed, "
        "`hygge destroy` removes it.",
        is_warning=True,
    ),
    Code(
        "HG214",
        "conflicting entity keys",
        "A flow has either `entity:` or `entities:`, not both. `into:` and `query:` apply to a "
        "single entity, so they cannot be combined with a glob or with several entities.",
        wrong="# flows/all.yml\nentities: [users, orders]\ninto: people\n",
        right="# flows/all.yml\nentities:\n  - {name: users, into: people}\n  - orders\n",
    ),
    Code(
        "HG215",
        "stale lock file",
        "A lock file, `flows/NAME.lock.yml`, lists an entity that its flow no longer has, or it "
        "belongs to no flow. `hygge schema lock` rewrites it.",
        is_warning=True,
    ),
    Code(
        "HG216",
        "file is ignored",
        "Of a project, hygge.yml and the files in homes/, stores/, flows/ and environments/ that "
        "end in .yml or .yaml are read. This file or folder looks like one of them, but is not.",
        is_warning=True,
    ),
    Code(
        "HG217",
        "unknown flow",
        "The command line names a flow that does not exist. `hygge list` shows all flows.",
    ),
    Code(
        "HG218",
        "not supported by the home",
        "Not every home supports `query:`, a consistent snapshot of all entities of a flow "
        "(`snapshot: shared`), or the detection of new files (`incremental: files`). `hygge types "
        "TYPE` shows what a home supports.",
        wrong="# flows/users.yml, whose home is a folder of files\nquery: select id from users\n",
        right="# flows/users.yml\nselect: [id, status]\n",
    ),
    Code(
        "HG219",
        "column not in the lock file",
        "`select`, `columns`, `primary_key`, `incremental` and `dedupe_by` use the column names "
        "of the home. The flow's lock file lists these columns, and this one is not among them. "
        "Fix the spelling, or run `hygge schema lock` to add a column that is new in the home.",
        wrong="# flows/users.yml, whose lock file knows id, name and email\nselect: [id, emial]\n",
        right="# flows/users.yml\nselect: [id, email]\n",
    ),
    Code(
        "HG220",
        "invalid command line",
        "An argument or option of the command is unknown, or does not fit the others. Nothing was "
        "done. The message lists the valid choices; `--help` shows all options.",
    ),
    Code(
        "HG221",
        "protected environment",
        "With `protected: true`, in an environment or in hygge.yml, `hygge go --full-refresh` "
        "also requires `--allow-protected`, because it replaces all rows in the stores, whatever "
        "the modes of the flows. So do `hygge state set` and `hygge state clear`.",
    ),
    Code(
        "HG222",
        "conflicting keys",
        "Two keys of a flow exclude each other: `incremental` with `mode: replace`; `lookback` or "
        "`include` with `mode: append`; `dedupe_by` or `delete_missing` without `mode: merge`.",
        wrong="# flows/events.yml\nmode: replace\nincremental: created_at\n",
        right="# flows/events.yml\nmode: append\nincremental: created_at\n",
    ),
    Code(
        "HG223",
        "hash mask without a salt",
        "A hash without a secret does not protect values: anyone with a list of addresses can "
        "compute their hashes. `mask: hash` therefore requires a secret of the project, "
        "`mask_salt`. Keep it: with another salt, the same value has another hash.",
        wrong="# flows/users.yml, and no mask_salt in hygge.yml\ncolumns: {email: {mask: hash}}\n",
        right="# hygge.yml\nmask_salt: ${MASK_SALT}\n",
    ),
    Code(
        "HG224",
        "check not supported by the store",
        "A `sql:` check runs in the store on the staged rows, and file stores cannot run SQL. "
        "hygge runs all other checks itself, for every store.",
        wrong="# flows/users.yml, whose store is a folder of files\n"
        'checks: [{sql: "select id from {staged} where id < 0"}]\n',
        right="# flows/users.yml\nchecks: [{not_null: id}]\n",
    ),
    Code(
        "HG225",
        "invalid name in the store",
        "An entity is stored under the name given by `into:`, or under its own. In a file store "
        "this is the name of a directory, so it cannot contain `/` or begin with `.` or `_`. A "
        "database limits the length of names, and names that begin with `_hygge_` are reserved "
        "for hygge's own tables.",
        wrong="# flows/users.yml\ninto: crm/users\n",
        right="# flows/users.yml\ninto: crm_users\n",
    ),
    Code(
        "HG226",
        "guarantee cannot be met",
        "`guarantee:` is the minimum that a flow must guarantee: `exactly-once`, "
        "`effectively-once` (rows may be moved again, with the same result) or `at-least-once`. "
        "With its current mode and keys the flow guarantees less; `hygge plan` shows what. An "
        "append needs `incremental` to know which rows it has moved. A merge finds rows by their "
        "key; with `incremental: COLUMN` it does not move them again, except with `lookback` or "
        "`include`.",
        wrong="# flows/users.yml\nmode: append\nguarantee: exactly-once\n",
        right="# flows/users.yml\nmode: append\nincremental: id\nguarantee: exactly-once\n",
    ),
    Code(
        "HG230",
        "no single run to retry",
        "`hygge go --retry-failed` runs again what failed last time, in the environment and with "
        "the options of that run. Here runs of several environments failed, or no run of the "
        "given environment did. The message lists the commands to choose from.",
    ),
    Code(
        "HG231",
        "unknown run",
        "This machine has no record of a run with that id. `hygge history` lists the runs it has.",
    ),
    Code(
        "HG232",
        "quarantined rows cannot be retried",
        "`hygge quarantine retry` reads rows again from the home once the cause is fixed. This "
        "works for `mode: replace`, which reads all rows anyway, and for `mode: merge`, which "
        "finds each row by its key. An append would add rows a second time. Provide the corrected "
        "rows as new ones, in a new file or with a value above the watermark; or change the flow "
        "to `mode: merge` with a `primary_key`; or replace all rows with `hygge go FLOW "
        "--full-refresh`.",
    ),
    Code(
        "HG233",
        "no run to undo",
        "`hygge undo --last-run` reverts what the newest run committed, in the environment of "
        "that run. There is no record of a run here, or the run committed nothing, used another "
        "environment, or included a flow that no longer exists.",
    ),
    Code(
        "HG235",
        "the dashboard cannot be shown",
        "`hygge dashboard` listens on an address of this machine. The port may be in use by "
        "another program: choose another one with `--port`. An address that other machines reach "
        "needs a `--token` of your own. The server needs the extra `dashboard`; `hygge dashboard "
        "--export FILE` writes the same as one file and needs nothing more.",
    ),
)
