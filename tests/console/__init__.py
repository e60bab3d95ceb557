"""The pages of the console, through the whole HTTP application."""
