"""Comparisons of stored results, and with commits that are measured beside the working tree."""
