"""Experiment files: parameters and sweeps, conditions, metrics, plots."""
