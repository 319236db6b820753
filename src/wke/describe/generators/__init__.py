"""Load generators: what they print, as metrics."""
