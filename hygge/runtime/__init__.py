"""The process and its surroundings: logs, locks, signals, private files, crash reports."""
