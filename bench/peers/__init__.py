"""Peers of the archive: each is a program that takes in plain Parquet files, and answers questions with files."""
