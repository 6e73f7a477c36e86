"""The ODBC home: driver metadata, known driver defects and their workarounds."""
