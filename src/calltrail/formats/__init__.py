"""Exported files: a batch of the log in, bytes out. Vectorised, and without I/O."""
