"""What the commands beside `go` do: plan, undo, state, discover, doctor, verify."""
