"""What YAML may say of a move, and the language of its conditions and expressions."""
