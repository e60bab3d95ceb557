"""The registry: catalog, staff, audit journal and export jobs in one SQLite database."""
