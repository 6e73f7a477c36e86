"""HG6xx: errors of `init`, `new` and `destroy`."""

from __future__ import annotations

from hygge.codes.code import Code

CODES = (
    Code(
        "HG601",
        "still used",
        "Other files refer to what would be removed; they are listed. Change these first, or "
        "remove it all the same with `--force`.",
    ),
    Code(
        "HG602",
        "file is there and differs",
        "A file that would be written exists with another content, and nothing was written at "
        "all. `--force` overwrites, `--skip` keeps what is there, `--dry-run` shows.",
    ),
    Code(
        "HG603",
        "templates are missing",
        "This installation of hygge lacks the templates that files are written from. Install it "
        "again.",
    ),
    Code(
        "HG604",
        "template is wrong",
        "A template of the project, under templates/, cannot be rendered, or writes what is not "
        "YAML. Mend it, or remove it to use the built-in one.",
    ),
    Code(
        "HG605",
        "file cannot be written",
        "The system refuses to read, write or remove a file of the project: no permission, no "
        "space, something else in its place. Every file is written beside its place first, so "
        "none is ever left half written.",
    ),
)
