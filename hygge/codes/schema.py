"""HG1xx: unknown keys and invalid values of a single file."""

from __future__ import annotations

from hygge.codes.code import Code

CODES = (
    Code(
        "HG101",
        "not a mapping",
        "A project file must be a mapping: lines of `key: value`. A list or a single value has no "
        "meaning here.",
        wrong="# flows/users.yml\n- entity: users\n- entity: orders\n",
        right="# flows/users.yml\nentities: [users, orders]\n",
    ),
    Code(
        "HG102",
        "unknown key",
        "Unknown keys are errors, so that a typing mistake never passes silently. The keys of a "
        "home or a store depend on its type: `hygge types TYPE` lists them.",
        wrong="# flows/users.yml\nstroe: lake\n",
        right="# flows/users.yml\nstore: lake\n",
    ),
    Code(
        "HG103",
        "type missing",
        "A home or a store needs a `type:`. It is not guessed from the path. `hygge types` lists "
        "all types.",
        wrong="# homes/files.yml\npath: data/in\n",
        right="# homes/files.yml\ntype: parquet\npath: data/in\n",
    ),
    Code(
        "HG104",
        "unknown type",
        "No connector of that type is installed. `hygge types` lists the installed ones; others "
        "come with packages of their own.",
        wrong="# homes/files.yml\ntype: parqet\npath: data/in\n",
        right="# homes/files.yml\ntype: parquet\npath: data/in\n",
    ),
    Code(
        "HG105",
        "key missing",
        "This key is required; it has no default.",
        wrong="# flows/users.yml\nentities:\n  - into: people\n",
        right="# flows/users.yml\nentities:\n  - name: users\n    into: people\n",
    ),
    Code(
        "HG106",
        "wrong value",
        "The value has the wrong type, is out of range, or is not one of the allowed words. YAML "
        "reads `017` as a number and `true` as a Boolean; write them in quotes to make them text.",
        wrong="# flows/users.yml\nmode: replce\n",
        right="# flows/users.yml\nmode: replace\n",
    ),
    Code(
        "HG107",
        "invalid variable",
        "A variable is written `${NAME}`, `${NAME:-value if unset}` or `${NAME:?message if "
        "unset}`, and the content of a file `${file:/path}`. A literal `${` is written `$${`.",
        wrong="# stores/lake.yml\npath: ${LAKE-data/lake}\n",
        right="# stores/lake.yml\npath: ${LAKE:-data/lake}\n",
    ),
    Code(
        "HG108",
        "variable not allowed here",
        "`type`, `home`, `store` and `after` define the structure of the project. They must be "
        "the same on every machine, so that a project can be checked without variables. Put what "
        "differs between machines into environments/.",
        wrong="# flows/users.yml\nstore: ${STORE}\n",
        right="# environments/prod.yml\nflows: {users: {store: warehouse}}\n",
    ),
    Code(
        "HG109",
        "connector cannot be imported",
        "The connector is installed, but importing it fails or does not define a connector of "
        "that type. Files that use it cannot be checked. Reinstall its package; if that does not "
        "help, report it to its author.",
    ),
    Code(
        "HG110",
        "two connectors of the same type",
        "Two installed packages provide a connector of the same type. Uninstall one of them.",
    ),
)
