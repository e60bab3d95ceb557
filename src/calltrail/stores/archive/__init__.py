"""The archive: final calls in a Delta table of Parquet files, a partition a day."""
