"""Profiles: stacks counted, laid out as boxes, and compared. Pure functions."""
