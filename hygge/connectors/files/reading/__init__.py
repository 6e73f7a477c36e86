"""Which files are an entity, under which schema, and in which pieces they are read."""
