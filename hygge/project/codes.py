"""Every code of a diagnostic, with a title and the text that explains it at length."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of mistake. Its code never changes its meaning."""

    code: str
    title: str
    text: str
    """Why it is a mistake and how to mend it."""
    is_warning: bool = False


def _table(*codes: Code) -> dict[str, Code]:
    return {code.code: code for code in codes}


CODES = _table(
    Code(
        "HG001",
        "not YAML",
        "The file breaks the grammar of YAML, so nothing in it can be read. Most often a space "
        "after a colon is missing, a line is indented differently from its neighbours, or a "
        "quote or bracket is not closed.",
    ),
    Code(
        "HG002",
        "file cannot be read",
        "The file is there but cannot be opened: it is a directory, a link to nothing, or this "
        "user may not read it.",
    ),
    Code(
        "HG003",
        "not UTF-8 text",
        "Project files are UTF-8 text. A file saved as UTF-16, or with bytes that are no text, "
        "has to be saved again with the encoding UTF-8.",
    ),
    Code(
        "HG004",
        "tab used to indent",
        "YAML indents with spaces only, because a tab has no agreed width.",
    ),
    Code(
        "HG005",
        "key written twice",
        "A mapping names the same key twice, and only one of the two values could count. Remove "
        "one of them.",
    ),
    Code(
        "HG006",
        "file too large",
        "A project file holds at most 1 MB of text, 50 levels and 10,000 values, aliases "
        "counted as often as they are used. A file beyond that is not a setting any more.",
    ),
    Code(
        "HG007",
        "tag refused",
        "A tag (`!name`) asks the reader to make a value of some type. Project files hold text, "
        "numbers, true, false, null, lists and mappings only.",
    ),
    Code(
        "HG008",
        "several documents",
        "A line `---` begins a second document in the file. One file is one home, store, flow or "
        "environment: split it.",
    ),
    Code(
        "HG009",
        "alias to nothing",
        "`*name` repeats a value that `&name` marked earlier in the same file. Here nothing was "
        "marked, or the mark is around the alias itself. A glob that begins with `*` has to be "
        "written in quotes.",
    ),
    Code(
        "HG010",
        "key is not a name",
        "The keys of a mapping are plain names. A list, a mapping or nothing at all cannot be one.",
    ),
    Code(
        "HG101",
        "wrong shape",
        "A file holds a mapping: lines of `key: value`. A list or a single value says nothing "
        "that hygge could read.",
    ),
    Code(
        "HG102",
        "unknown key",
        "Every key means something or is refused, so that a typing mistake never passes silently.",
    ),
    Code(
        "HG103",
        "type missing",
        "A home and a store say what they are with `type:`. It is never guessed from a path.",
    ),
    Code(
        "HG104",
        "unknown type",
        "No connector of that name is installed. `hygge types` lists those that are; another one "
        "comes with the package that brings it.",
    ),
    Code(
        "HG105",
        "key missing",
        "This key has no default that would be right for everyone.",
    ),
    Code(
        "HG106",
        "wrong value",
        "The key exists, but cannot have this value.",
    ),
    Code(
        "HG107",
        "variable written wrongly",
        "A variable is written `${NAME}`, `${NAME:-value if unset}` or `${NAME:?message if "
        "unset}`, and the content of a file `${file:/path}`. A literal `${` is written `$${`.",
    ),
    Code(
        "HG108",
        "variable not allowed here",
        "`type`, `home`, `store` and `after` decide how the project hangs together, so they are "
        "the same on every machine. What differs goes into environments/.",
    ),
    Code(
        "HG109",
        "connector cannot be imported",
        "The connector is installed, but importing it fails. Nothing it describes can be checked.",
    ),
    Code(
        "HG200",
        "several mistakes",
        "More than one thing keeps the project from running; each has a code of its own.",
    ),
    Code(
        "HG201",
        "no project here",
        "Neither this directory nor one above it holds a hygge.yml, which marks a project's root.",
    ),
    Code(
        "HG202",
        "unknown home",
        "A flow names a home that has no file in homes/.",
    ),
    Code(
        "HG203",
        "unknown store",
        "A flow names a store that has no file in stores/.",
    ),
    Code(
        "HG204",
        "home or store not named",
        "A flow may leave out `home:` (or `store:`) only when the project has exactly one.",
    ),
    Code(
        "HG205",
        "unknown flow",
        "`after:` names a flow that has no file in flows/.",
    ),
    Code(
        "HG206",
        "flows wait for each other",
        "Following `after:` from flow to flow leads back to where it began, so none could start.",
    ),
    Code(
        "HG207",
        "one name, two files",
        "A home, store, flow or environment is named after its file, without folder and ending. "
        "Two files that give one name cannot both be it.",
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
        "Each store can publish in some modes only.",
    ),
    Code(
        "HG210",
        "merge without a key",
        "Merging replaces the rows that have the same key, so it needs `primary_key:`.",
    ),
    Code(
        "HG211",
        "one place, two writers",
        "Two flows write the same entity of the same store; each run would undo the other's. "
        "Names that differ only in upper and lower case count as one, because they are one "
        "on many file systems.",
    ),
    Code(
        "HG212",
        "home and store overlap",
        "The flow would read what it writes. The store has to lie elsewhere.",
    ),
    Code(
        "HG213",
        "nobody uses it",
        "No flow refers to this home or store.",
        is_warning=True,
    ),
    Code(
        "HG214",
        "entities contradict each other",
        "A flow names one `entity:` or several `entities:`, not both. `into:` gives one entity "
        "its name in the store, so it fits neither a glob nor several entities at once.",
    ),
    Code(
        "HG216",
        "file that nobody reads",
        "Only hygge.yml, homes/, stores/, flows/ and environments/ are read, and in them only "
        "files that end in .yml or .yaml.",
        is_warning=True,
    ),
    Code(
        "HG217",
        "no such flow",
        "The command line names a flow that the project does not have.",
    ),
    Code(
        "HG301",
        "variable not set",
        "The variable is neither in the environment nor in .env.<environment> nor in .env.",
    ),
    Code(
        "HG302",
        "line of an env file",
        "A line of an env file is `NAME=value`, a comment that begins with `#`, or empty. A value "
        "may stand in quotes; nothing in it is expanded.",
    ),
    Code(
        "HG303",
        "secret file cannot be read",
        "`${file:/path}` inserts the content of a file of at most 1 MB of UTF-8 text.",
    ),
    Code(
        "HG304",
        "overlay of nothing",
        "An environment changes homes, stores and flows that the project has; it adds none.",
    ),
    Code(
        "HG305",
        "unknown environment",
        "`--env NAME` takes environments/NAME.yml.",
    ),
    Code(
        "HG306",
        "driver not installed",
        "The connector needs a package that a plain installation does not bring.",
    ),
    Code(
        "HG401",
        "secret in a file",
        "A password or a token is written into a project file, where everyone who sees the "
        "repository sees it. Put it into a variable.",
        is_warning=True,
    ),
    Code(
        "HG402",
        "env file not ignored by git",
        "The env file would be committed with the next `git add .`.",
        is_warning=True,
    ),
    Code(
        "HG403",
        "env file readable by others",
        "Other users of this machine can read the secrets in the env file.",
        is_warning=True,
    ),
)
