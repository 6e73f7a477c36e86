"""What homes and stores of DuckDB share: the open file, its types, its catalog."""
