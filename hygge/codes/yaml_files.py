"""HG0xx: YAML files that cannot be read."""

from __future__ import annotations

from hygge.codes.code import Code

CODES = (
    Code(
        "HG001",
        "not YAML",
        "The file breaks the grammar of YAML, so nothing in it can be read. Most often a space "
        "after a colon is missing, a line is indented differently from its neighbours, or a "
        "quote or bracket is not closed.\n\n"
        "The place that is told is where reading ended; the cause may lie a little above.",
        wrong="# flows/users.yml\nhome:sample_files\nstore: lake\n",
        right="# flows/users.yml\nhome: sample_files\nstore: lake\n",
    ),
    Code(
        "HG002",
        "file cannot be read",
        "The file is there but cannot be opened: it is a directory, a pipe, a link to nothing, "
        "or this user may not read it. `ls -l` shows which.",
    ),
    Code(
        "HG003",
        "not UTF-8 text",
        "Project files are UTF-8 text without control characters. A file saved as UTF-16, or "
        "with bytes that are no text, has to be saved again with the encoding UTF-8. A byte "
        "order mark at the beginning is tolerated.",
    ),
    Code(
        "HG004",
        "tab used to indent",
        "YAML indents with spaces only, because a tab has no agreed width. Most editors can "
        "write spaces when the Tab key is pressed.",
        wrong="# flows/users.yml\ncolumns:\n\tamount: {type: int64}\n",
        right="# flows/users.yml\ncolumns:\n  amount: {type: int64}\n",
    ),
    Code(
        "HG005",
        "key written twice",
        "A mapping names the same key twice, and only one of the two values could count. Remove "
        "one of them.",
        wrong="# flows/users.yml\nmode: append\nstore: lake\nmode: replace\n",
        right="# flows/users.yml\nmode: replace\nstore: lake\n",
    ),
    Code(
        "HG006",
        "file too large",
        "A project file holds at most 1 MB of text, 50 levels and 10,000 values, aliases "
        "counted as often as they are used; an env file, 10,000 lines; and folders lie 50 levels "
        "deep. What is beyond that is not a setting any more. Split the file, or replace a long "
        "list of entities by a glob.",
    ),
    Code(
        "HG007",
        "tag refused",
        "A tag (`!name`) asks the reader to make a value of some type. Project files hold text, "
        "numbers, true, false, null, lists and mappings only, so no file can make hygge run "
        "anything. To keep a number as text, write it in quotes.",
        wrong="# homes/app.yml\nuser: !!str 017\n",
        right='# homes/app.yml\nuser: "017"\n',
    ),
    Code(
        "HG008",
        "several documents",
        "A line `---` begins a second document in the file. One file is one home, store, flow or "
        "environment: split it.",
        wrong="# flows/users.yml\nentity: users\n---\nentity: orders\n",
        right="# flows/users.yml\nentities: [users, orders]\n",
    ),
    Code(
        "HG009",
        "alias to nothing",
        "`*name` repeats a value that `&name` marked earlier in the same file. Here nothing was "
        "marked, or the mark is around the alias itself. A glob that begins with `*` has to be "
        "written in quotes.",
        wrong="# flows/events.yml\nentities: [*_events]\n",
        right='# flows/events.yml\nentities: ["*_events"]\n',
    ),
    Code(
        "HG010",
        "key is not a name",
        "The keys of a mapping are plain names. A list, a mapping, an alias or nothing at all "
        "cannot be one. A value that begins with `{` or `[` has to be written in quotes.",
        wrong="# homes/files.yml\npath: {{entity}.txt: data}\n",
        right='# homes/files.yml\npath: "data/{entity}.txt"\n',
    ),
)
