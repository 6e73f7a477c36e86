"""The settings of a move in YAML, and the language of its expressions."""
