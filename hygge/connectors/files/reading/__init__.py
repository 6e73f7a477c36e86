"""Reading files: the listing of an entity, its schema, and the pieces that are read."""
