"""The commit protocol on local disks: generations of a directory, swapped at once."""
