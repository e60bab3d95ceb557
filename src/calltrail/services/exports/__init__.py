"""Exporting the log: asked for, made, reported."""
