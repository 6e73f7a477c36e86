"""New rows since the last commit, and what a flow guarantees."""
