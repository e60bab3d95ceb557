"""Who may do what, and the links and keys that say who it is."""
