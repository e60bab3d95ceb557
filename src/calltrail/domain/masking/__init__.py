"""Secrets never reach the log."""
