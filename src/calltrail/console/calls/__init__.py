"""Pages of the log: the calls of a filter, and one of them."""
