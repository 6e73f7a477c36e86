"""Where the splits of a move run: threads here, other machines one day."""
