"""Measurements of Calltrail beside its peers: `python -m bench.run`."""
