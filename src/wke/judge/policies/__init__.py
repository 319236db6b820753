"""Policies: which trials of a plan a series runs next, how many more there may be, and what the series found. Values only, no sentences."""
