"""Writes projects and their files: what `init`, `new` and `destroy` do, without the talking."""
