"""The project on disk: find it, read it with positions, check it, and resolve its flows."""

from hygge.project.check import check, within
from hygge.project.diagnostics import Diagnostic, ProjectError, Report, Severity
from hygge.project.discovery import find_projects, repository_of, seen_from
from hygge.project.files import find_root
from hygge.project.project import ConnectorOutline, EntitySpec, FlowOutline, FlowSpec, Project

__all__ = [
    "ConnectorOutline",
    "Diagnostic",
    "EntitySpec",
    "FlowOutline",
    "FlowSpec",
    "Project",
    "ProjectError",
    "Report",
    "Severity",
    "check",
    "find_projects",
    "find_root",
    "repository_of",
    "seen_from",
    "within",
]
