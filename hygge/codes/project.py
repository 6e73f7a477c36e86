"""HG2xx: relations between the files of a project."""

from __future__ import annotations

from hygge.codes.code import Code

CODES = (
    Code(
        "HG200",
        "project cannot run",
        "More than one thing keeps the project from running; each is told with a code of its "
        "own. `hygge validate` lists them all.",
    ),
    Code(
        "HG201",
        "no project here",
        "Neither this directory nor one above it holds a hygge.yml, which marks a project's "
        "root. `hygge init NAME` makes a project; `hygge validate --discover` looks for "
        "projects in the folders below.",
    ),
    Code(
        "HG202",
        "unknown home",
        "A flow names a home that has no file in homes/. Its name is the file's name without "
        "the ending.",
        wrong="# flows/users.yml\nhome: smaple_files\n",
        right="# flows/users.yml\nhome: sample_files\n",
    ),
    Code(
        "HG203",
        "unknown store",
        "A flow names a store that has no file in stores/. Its name is the file's name without "
        "the ending.",
        wrong="# flows/users.yml\nstore: leak\n",
        right="# flows/users.yml\nstore: lake\n",
    ),
    Code(
        "HG204",
        "home or store not named",
        "A flow may leave out `home:` (or `store:`) only when the project has exactly one.",
        wrong="# flows/users.yml, in a project with two stores\nentity: users\n",
        right="# flows/users.yml\nentity: users\nstore: lake\n",
    ),
    Code(
        "HG205",
        "unknown flow in after",
        "`after:` names a flow that has no file in flows/, so the order could not be kept.",
        wrong="# flows/orders.yml\nafter: [usres]\n",
        right="# flows/orders.yml\nafter: [users]\n",
    ),
    Code(
        "HG206",
        "flows wait for each other",
        "Following `after:` from flow to flow leads back to where it began, so none of them "
        "could start. Remove one `after:` of the circle.",
        wrong="# flows/orders.yml\nafter: [users]\n# flows/users.yml\nafter: [orders]\n",
        right="# flows/orders.yml\nafter: [users]\n# flows/users.yml\nafter: []\n",
    ),
    Code(
        "HG207",
        "one name, two files",
        "A home, store, flow or environment is named after its file, without folder and ending. "
        "Two files that give one name (`lake.yml` and `lake.yaml`, or two folders of flows/) "
        "cannot both be it.",
    ),
    Code(
        "HG208",
        "name not allowed",
        "Names are lower-case letters, digits and `_`, begin with a letter, and have at most 63 "
        "characters. Words that YAML reads as something else (no, on, null) and names that "
        "Windows keeps for devices (con, aux) are refused.",
    ),
    Code(
        "HG209",
        "mode the store does not have",
        "Each store can publish in some modes only; `hygge types` tells which. The mode may come "
        "from the entity, the flow, an environment or `defaults` in hygge.yml.",
        wrong="# flows/users.yml, whose store knows replace and append\nmode: merge\n",
        right="# flows/users.yml\nmode: replace\n",
    ),
    Code(
        "HG210",
        "merge without a key",
        "Merging replaces the rows that have the same key, so it needs `primary_key:`.",
        wrong="# flows/users.yml\nmode: merge\n",
        right="# flows/users.yml\nmode: merge\nprimary_key: [id]\n",
    ),
    Code(
        "HG211",
        "one place, two writers",
        "Two flows, or two entities of one flow, write the same place; each run would undo the "
        "other's. Names that differ only in upper and lower case count as one, because they are "
        "one on many file systems. Give one of them another name with `into:`.",
        wrong="# flows/people.yml, beside flows/users.yml\nentity: staff\ninto: users\n",
        right="# flows/people.yml\nentity: staff\ninto: staff\n",
    ),
    Code(
        "HG212",
        "home and store overlap",
        "The flow would read what it writes. The store has to lie elsewhere.",
        wrong="# homes/files.yml\npath: data\n# stores/lake.yml\npath: data\n",
        right="# homes/files.yml\npath: data/in\n# stores/lake.yml\npath: data/lake\n",
    ),
    Code(
        "HG213",
        "nobody uses it",
        "No flow refers to this home or store, in no environment. `hygge destroy` removes it, if "
        "it is not wanted any more.",
        is_warning=True,
    ),
    Code(
        "HG214",
        "entities contradict each other",
        "A flow names one `entity:` or several `entities:`, not both. `into:` gives one entity "
        "its name in the store, so it fits neither a glob nor several entities at once; nor does "
        "`query:`, which gives the rows of one entity.",
        wrong="# flows/all.yml\nentities: [users, orders]\ninto: people\n",
        right="# flows/all.yml\nentities:\n  - {name: users, into: people}\n  - orders\n",
    ),
    Code(
        "HG215",
        "lock of what is gone",
        "A lock file, `flows/NAME.lock.yml`, tells the columns of an entity that its flow no "
        "longer has, or it belongs to no flow at all. `hygge schema lock` writes it anew.",
        is_warning=True,
    ),
    Code(
        "HG216",
        "file that nobody reads",
        "Only hygge.yml, homes/, stores/, flows/ and environments/ are read, and in them only "
        "files that end in .yml or .yaml. This file or folder is not read, but looks as if it "
        "were meant to be.",
        is_warning=True,
    ),
    Code(
        "HG217",
        "no such flow",
        "The command line names a flow that the project does not have. `hygge list` shows all.",
    ),
    Code(
        "HG218",
        "ability the home does not have",
        "Some homes can be asked by a query (`query:`), "
        "read all entities of a flow at one instant (`snapshot: shared`) or tell which files are "
        "new (`incremental: files`); others cannot. `hygge types TYPE` tells which.",
        wrong="# flows/users.yml, whose home is a folder of files\nquery: select id from users\n",
        right="# flows/users.yml\nselect: [id, status]\n",
    ),
    Code(
        "HG219",
        "column that the lock does not know",
        "`select`, `columns`, `primary_key`, `incremental` and `dedupe_by` name columns of the "
        "home as the home spells them. The flow's lock file tells which there are, so a misspelt "
        "one is found offline. `hygge schema lock` takes a column over that is new in the home.",
        wrong="# flows/users.yml, whose lock file knows id, name and email\nselect: [id, emial]\n",
        right="# flows/users.yml\nselect: [id, email]\n",
    ),
    Code(
        "HG220",
        "asked for what is not there",
        "The command line names something that does not exist or does not fit; nothing was "
        "done. The message says what there is instead, and `--help` what can be asked.",
    ),
    Code(
        "HG221",
        "protected environment",
        "With `protected: true`, in an environment or in hygge.yml, `hygge go --full-refresh` "
        "needs `--allow-protected` as well: it replaces what the stores hold, whatever the "
        "flows' modes. So do `hygge state set` and `clear`.",
    ),
    Code(
        "HG222",
        "keys that cannot be together",
        "Two keys of a flow ask for what cannot be had at once: `incremental` with `mode: "
        "replace`, rows that are read again with `mode: append`, `dedupe_by` or `delete_missing` "
        "without `mode: merge`.",
        wrong="# flows/events.yml\nmode: replace\nincremental: created_at\n",
        right="# flows/events.yml\nmode: append\nincremental: created_at\n",
    ),
    Code(
        "HG223",
        "mask by hash without a salt",
        "A hash that anybody can compute hides nothing: whoever has a list of addresses finds them "
        "again. `mask: hash` therefore uses the project's own secret, `mask_salt`. Keep it: with "
        "another one, equal values get other hashes than before.",
        wrong="# flows/users.yml, and no mask_salt in hygge.yml\ncolumns: {email: {mask: hash}}\n",
        right="# hygge.yml\nmask_salt: ${MASK_SALT}\n",
    ),
    Code(
        "HG224",
        "check the store cannot make",
        "A check by `sql:` asks the store about the staged rows; stores of files answer no SQL. "
        "The other checks are made by hygge itself, in every store.",
        wrong="# flows/users.yml, whose store is a folder of files\n"
        'checks: [{sql: "select id from {staged} where id < 0"}]\n',
        right="# flows/users.yml\nchecks: [{not_null: id}]\n",
    ),
    Code(
        "HG225",
        "name the store cannot have",
        "What moves gets a name in the store: that of `into:`, or its own. In a store of files it "
        "is the name of a directory, so it holds no `/` and does not begin with `.` or `_`; a "
        "database has names of a certain length, and those that begin with `_hygge_` are for "
        "hygge's own tables.",
        wrong="# flows/users.yml\ninto: crm/users\n",
        right="# flows/users.yml\ninto: crm_users\n",
    ),
    Code(
        "HG226",
        "guarantee the flow cannot give",
        "`guarantee:` is the least that a flow must give: `exactly-once`, `effectively-once` (rows "
        "may be moved again, with the same result) or `at-least-once`. With its mode and keys as "
        "they are it gives less, which `hygge plan` tells too: an append needs `incremental` to "
        "know what it has moved; a merge meets rows again by their key, and with `incremental: "
        "COLUMN` it does not move them again, unless with `lookback` or `include`.",
        wrong="# flows/users.yml\nmode: append\nguarantee: exactly-once\n",
        right="# flows/users.yml\nmode: append\nincremental: id\nguarantee: exactly-once\n",
    ),
    Code(
        "HG230",
        "what failed is not clear",
        "`hygge go --retry-failed` runs again what did not end well when it was last run, in the "
        "environment and with the options of that run. Runs of several environments failed, or "
        "none of the one that was named. The message lists the commands to choose from.",
    ),
    Code(
        "HG231",
        "unknown run",
        "No run of that id is remembered on this machine. `hygge history` lists those that are.",
    ),
    Code(
        "HG232",
        "rows put aside cannot be retried",
        "`hygge quarantine retry` moves rows again from the home, once the cause is fixed: a "
        "replace reads all of it anyway, and a merge meets each row by its key. An append would "
        "add rows that were moved before a second time. Corrected rows come into it as new ones: "
        "in a new file, or with a value above the watermark. Or make the flow a merge, whose "
        "`primary_key` meets the rows that are there; or replace them all with "
        "`hygge go FLOW --full-refresh`.",
    ),
    Code(
        "HG233",
        "no run to undo",
        "`hygge undo --last-run` reverts what the newest run committed, in the environment of that "
        "run. None is remembered here, it committed nothing, it worked in another environment, or "
        "one of its flows is gone.",
    ),
)
