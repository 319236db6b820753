"""Rehearsals: connections and clocks that are played, so that a series runs without machines."""
