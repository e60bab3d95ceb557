"""What people look at: pages of the log, of exports, of the catalog, of people, of the system."""
