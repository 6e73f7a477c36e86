"""What connectors of files share: formats, reading, text, writing, and commits on local disks."""
