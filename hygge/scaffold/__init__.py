"""Creates and changes project files, for `init`, `new`, `rename` and `destroy`."""
