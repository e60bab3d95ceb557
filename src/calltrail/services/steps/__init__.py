"""What API methods do."""
