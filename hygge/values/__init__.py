"""Plain values that every layer speaks: moves, commits, events, requests; all can be pickled."""
