"""What homes and stores of SQL Server share: who may come in, its types, its catalog."""
