"""HG0xx: YAML files that cannot be read."""

from __future__ import annotations

from hygge.codes.code import Code

CODES = (
    Code(
        "HG001",
        "invalid YAML",
        "The file is not valid YAML. Most often a space after a colon is missing, a line is "
        "indented differently from its neighbours, or a quote or bracket is not closed.\n\nThe "
        "reported position is where parsing stopped; the cause may be a few lines above.",
        wrong="# flows/users.yml\nhome:sample_files\nstore: lake\n",
        right="# flows/users.yml\nhome: sample_files\nstore: lake\n",
    ),
    Code(
        "HG002",
        "file cannot be read",
        "The file cannot be opened: it is a directory, a pipe or a broken link, or you have no "
        "permission to read it. `ls -l` shows which.",
    ),
    Code(
        "HG003",
        "not UTF-8 text",
        "Project files must be UTF-8 text without control characters. Save the file again with "
        "the encoding UTF-8. A byte order mark at the beginning is allowed.",
    ),
    Code(
        "HG004",
        "tab used for indentation",
        "YAML allows only spaces for indentation. Most editors can insert spaces when the Tab key "
        "is pressed.",
        wrong="# flows/users.yml\ncolumns:\n\tamount: {type: int64}\n",
        right="# flows/users.yml\ncolumns:\n  amount: {type: int64}\n",
    ),
    Code(
        "HG005",
        "duplicate key",
        "A mapping has the same key twice. Remove one of them.",
        wrong="# flows/users.yml\nmode: append\nstore: lake\nmode: replace\n",
        right="# flows/users.yml\nmode: replace\nstore: lake\n",
    ),
    Code(
        "HG006",
        "file too large",
        "A project file may have at most 1 MB of text, 50 levels and 10,000 values, where an "
        "alias counts each time it is used. An env file may have 10,000 lines. Folders may be "
        "nested 50 levels deep. Split the file, or replace a long list of entities by a glob.",
    ),
    Code(
        "HG007",
        "tag not allowed",
        "A tag (`!name`) sets the type of a value. Project files may contain only text, numbers, "
        "true, false, null, lists and mappings, so that no file can make hygge run code. To make "
        "a number text, write it in quotes.",
        wrong="# homes/app.yml\nuser: !!str 017\n",
        right='# homes/app.yml\nuser: "017"\n',
    ),
    Code(
        "HG008",
        "several documents",
        "The line `---` begins a second document. A file must contain one home, store, flow or "
        "environment: split it.",
        wrong="# flows/users.yml\nentity: users\n---\nentity: orders\n",
        right="# flows/users.yml\nentities: [users, orders]\n",
    ),
    Code(
        "HG009",
        "undefined alias",
        "`*name` repeats a value that was marked by `&name` earlier in the same file. Here the "
        "mark is missing, or it contains the alias itself. A glob that begins with `*` must be "
        "quoted.",
        wrong="# flows/events.yml\nentities: [*_events]\n",
        right='# flows/events.yml\nentities: ["*_events"]\n',
    ),
    Code(
        "HG010",
        "key is not a name",
        "The keys of a mapping must be plain names, not a list, a mapping, an alias or empty. A "
        "value that begins with `{` or `[` must be quoted.",
        wrong="# homes/files.yml\npath: {{entity}.txt: data}\n",
        right='# homes/files.yml\npath: "data/{entity}.txt"\n',
    ),
)
