"""The catalog as a file, and its changes."""
