"""HG1xx: unknown keys and invalid values of a single file."""

from __future__ import annotations

from hygge.codes.code import Code

CODES = (
    Code(
        "HG101",
        "wrong shape",
        "A file holds a mapping: lines of `key: value`. A list or a single value says nothing "
        "that hygge could read.",
        wrong="# flows/users.yml\n- entity: users\n- entity: orders\n",
        right="# flows/users.yml\nentities: [users, orders]\n",
    ),
    Code(
        "HG102",
        "unknown key",
        "Every key means something or is refused, so that a typing mistake never passes "
        "silently. Which keys a home or a store has depends on its type: `hygge types TYPE` "
        "lists them with their meaning.",
        wrong="# flows/users.yml\nstroe: lake\n",
        right="# flows/users.yml\nstore: lake\n",
    ),
    Code(
        "HG103",
        "type missing",
        "A home and a store say what they are with `type:`. It is never guessed from a path. "
        "`hygge types` lists what there is.",
        wrong="# homes/files.yml\npath: data/in\n",
        right="# homes/files.yml\ntype: parquet\npath: data/in\n",
    ),
    Code(
        "HG104",
        "unknown type",
        "No connector of that name is installed. `hygge types` lists those that are; another one "
        "comes with the package that brings it.",
        wrong="# homes/files.yml\ntype: parqet\npath: data/in\n",
        right="# homes/files.yml\ntype: parquet\npath: data/in\n",
    ),
    Code(
        "HG105",
        "key missing",
        "This key has no default that would be right for everyone, so it has to be written.",
        wrong="# flows/users.yml\nentities:\n  - into: people\n",
        right="# flows/users.yml\nentities:\n  - name: users\n    into: people\n",
    ),
    Code(
        "HG106",
        "wrong value",
        "The key exists, but cannot have this value: it is of another kind, outside of the "
        "allowed range, or none of the words that mean something here. YAML reads `017` as a "
        "number and `true` as a truth value; quotes make them text.",
        wrong="# flows/users.yml\nmode: replce\n",
        right="# flows/users.yml\nmode: replace\n",
    ),
    Code(
        "HG107",
        "variable written wrongly",
        "A variable is written `${NAME}`, `${NAME:-value if unset}` or `${NAME:?message if "
        "unset}`, and the content of a file `${file:/path}`. A literal `${` is written `$${`.",
        wrong="# stores/lake.yml\npath: ${LAKE-data/lake}\n",
        right="# stores/lake.yml\npath: ${LAKE:-data/lake}\n",
    ),
    Code(
        "HG108",
        "variable not allowed here",
        "`type`, `home`, `store` and `after` decide how the project hangs together, so they are "
        "the same on every machine, and a project can be checked without any variable. What "
        "differs between machines goes into environments/.",
        wrong="# flows/users.yml\nstore: ${STORE}\n",
        right="# environments/prod.yml\nflows: {users: {store: warehouse}}\n",
    ),
    Code(
        "HG109",
        "connector cannot be imported",
        "The connector is installed, but importing it fails or makes no connector of that type. "
        "Nothing it describes can be checked. Reinstall the package that brings it; when that "
        "does not help, its author has to know.",
    ),
    Code(
        "HG110",
        "two connectors of one type",
        "Two installed packages bring a connector of the same type, and a project could mean "
        "either. Uninstall one of them.",
    ),
)
