"""Pages of people: all of them, oneself, and who is invited."""
