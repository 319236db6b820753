"""Providers: where the machines of a cluster come from."""
