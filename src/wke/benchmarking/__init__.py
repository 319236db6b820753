"""The parts of `wke.benchmark`: a benchmark script's parameters, the identity of its trials, its series."""
