"""What reading through an ODBC driver takes: asking it, knowing its lies, getting past them."""
