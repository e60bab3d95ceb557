"""Pages of API methods and endpoints."""
