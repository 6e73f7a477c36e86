"""Output for people and programs: events, tables, diagnostics and errors."""
