"""What `wke.benchmark` is made of: a benchmark script's parameters, the identity of its trials, its series."""
