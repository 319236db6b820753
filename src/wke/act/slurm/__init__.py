"""Slurm: allocations of nodes, given or asked for, and the steps that start agents on them."""
