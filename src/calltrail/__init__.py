"""Calltrail receives calls of named API methods, records every one in full, and exports the log as files."""

from importlib.metadata import version

__version__ = version("calltrail")
