"""How long calls stay: retention, legal holds, erasure."""
