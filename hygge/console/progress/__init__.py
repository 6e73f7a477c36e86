"""Progress of a run: on a terminal, as plain lines, or as JSON Lines."""
