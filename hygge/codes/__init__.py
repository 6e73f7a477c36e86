"""Every code of an error or warning, with its title and explanation.

HG0xx YAML · HG1xx schema · HG2xx project · HG3xx environment · HG4xx security · HG5xx run ·
HG6xx scaffolding. One number has one meaning, wherever it is raised.
"""

from hygge.codes import environment, project, running, scaffolding, schema, security, yaml_files
from hygge.codes.code import Code

GROUPS: dict[str, tuple[Code, ...]] = {
    "YAML": yaml_files.CODES,
    "Schema": schema.CODES,
    "Project": project.CODES,
    "Environment": environment.CODES,
    "Security": security.CODES,
    "Run": running.CODES,
    "Scaffolding": scaffolding.CODES,
}
"""The codes by subject, ordered by number."""

CODES: dict[str, Code] = {one.code: one for group in GROUPS.values() for one in group}

__all__ = ["CODES", "GROUPS", "Code"]
