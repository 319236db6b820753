"""Exports: CSV, Markdown, Parquet and data frames."""
