"""What this machine remembers of runs: a cache of the stores' commits, never an authority."""
