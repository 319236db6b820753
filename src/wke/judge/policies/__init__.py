"""Policies: which trials a series runs next, and when it has enough."""
