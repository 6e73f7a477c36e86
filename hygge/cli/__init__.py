"""The command line: one file a command. Each parses, calls and prints; none decides."""
