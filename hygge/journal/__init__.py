"""The journal of runs on this machine: a cache of the stores' commits, never authoritative."""
