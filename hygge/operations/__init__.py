"""The operations of the commands other than `go`: plan, undo, state, discover, doctor, verify."""
