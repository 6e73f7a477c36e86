"""What homes and stores of PostgreSQL share: who may come in, its types, its catalog."""
