"""What file connectors share: formats, reading, text, writing, commits on local disks."""
