"""Arrow IPC files, also known as Feather."""
