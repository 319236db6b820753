"""Kinds of figures: one file for each, named as the type of its plots, with an object KIND (kind.py)."""
