"""The demo: Calltrail started, called and exported from, as a partner and an analyst would."""
