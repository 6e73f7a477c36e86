"""HG6xx: errors of `init`, `new` and `destroy`."""

from __future__ import annotations

from hygge.codes.code import Code

CODES = (
    Code(
        "HG601",
        "still used",
        "Other files refer to what would be removed; they are listed. Change them first, or "
        "remove it anyway with `--force`.",
    ),
    Code(
        "HG602",
        "file exists with other content",
        "A file that would be written already exists with other content. Nothing was written. "
        "`--force` overwrites it, `--skip` keeps it, `--dry-run` shows the difference.",
    ),
    Code(
        "HG603",
        "templates are missing",
        "This installation of hygge lacks the templates for new files. Reinstall hygge.",
    ),
    Code(
        "HG604",
        "invalid template",
        "A template of the project, under templates/, cannot be rendered, or its output is not "
        "valid YAML. Fix it, or remove it to use the built-in one.",
    ),
    Code(
        "HG605",
        "file cannot be written",
        "The system refuses to read, write or remove a file of the project: no permission, no "
        "space left, or something else of that name. A file is written under a temporary name "
        "first, so none is left half written.",
    ),
)
