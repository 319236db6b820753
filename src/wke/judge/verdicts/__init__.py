"""Verdicts: whether a trial may be trusted. One file per rule."""
