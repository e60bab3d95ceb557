"""The stories: receiving a call, running its steps, exporting the log."""
