"""What is new since the last commit, and what a flow guarantees of its rows."""
