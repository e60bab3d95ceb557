"""The `calltrail` command: thin over the services that bootstrap composes."""
