"""Machines from the files of other tools: one file per format, and the cluster.toml that is written of them."""
