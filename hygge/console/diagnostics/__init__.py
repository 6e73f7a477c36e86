"""Output of diagnostics: for people, as JSON, SARIF and GitHub annotations."""
