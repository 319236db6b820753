"""cluster.toml: machines, classes, links, and the selectors that name sets of machines."""
